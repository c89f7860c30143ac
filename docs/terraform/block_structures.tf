# The bucket of block structures and the policy of the LMS, as the role makes them. A test compares both.
# Use it with block_structure_manage_bucket: false.

variable "bucket" {
  description = "Name of the bucket: block_structure_storage_bucket."
  type        = string
  default     = "example-block-structures"
}

variable "prefix" {
  description = "Prefix of all objects: block_structure_storage_prefix, with its trailing slash."
  type        = string
  default     = "block_structures/"
}

data "aws_partition" "current" {}

locals {
  bucket_arn = "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}"
}

resource "aws_s3_bucket" "structures" {
  bucket = var.bucket
}

resource "aws_s3_bucket_versioning" "structures" {
  bucket = aws_s3_bucket.structures.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "structures" {
  bucket = aws_s3_bucket.structures.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "structures" {
  bucket                  = aws_s3_bucket.structures.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "structures" {
  bucket = aws_s3_bucket.structures.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "BlockStructureTlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.bucket_arn, "${local.bucket_arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "structures" {
  bucket = aws_s3_bucket.structures.id
  policy = data.aws_iam_policy_document.bucket.json
}

# Current objects never expire: the expiry of one would cost a rebuild.
resource "aws_s3_bucket_lifecycle_configuration" "structures" {
  bucket     = aws_s3_bucket.structures.id
  depends_on = [aws_s3_bucket_versioning.structures]
  rule {
    id     = "block-structure-noncurrent"
    status = "Enabled"
    filter {
      prefix = ""
    }
    expiration {
      expired_object_delete_marker = true
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }
  rule {
    id     = "block-structure-abort-multipart"
    status = "Enabled"
    filter {
      prefix = ""
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

data "aws_iam_policy_document" "lms" {
  statement {
    sid       = "BlockStructureObjects"
    effect    = "Allow"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${local.bucket_arn}/${var.prefix}*"]
  }
  statement {
    sid       = "BlockStructureList"
    effect    = "Allow"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [local.bucket_arn]
  }
}

# Attach it to the instance role of the LMS hosts, or to the user whose key the LMS has.
resource "aws_iam_policy" "lms" {
  name   = "block-structures-lms"
  policy = data.aws_iam_policy_document.lms.json
}
