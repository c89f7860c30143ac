"""The S3 API of the sandbox: moto behind a gate that asks for credentials as AWS does."""
