"""Options that the modules which speak to the bucket share."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment `s3`."""

    DOCUMENTATION = r"""
options:
  name:
    description: Name of the bucket.
    type: str
    required: true
  region:
    description: Region of the bucket.
    type: str
  endpoint_url:
    description: Endpoint of an S3-compatible store.
    type: str
  access_key:
    description: Access key; the AWS credential chain when unset.
    type: str
  secret_key:
    description: Secret key that goes with O(access_key).
    type: str
  session_token:
    description: Session token of temporary credentials.
    type: str
  aws_ca_bundle:
    description: CA bundle on the host.
    type: path
  validate_certs:
    description: Whether to verify the endpoint's certificate.
    type: bool
    default: true
"""
