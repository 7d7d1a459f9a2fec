"""Publishes the Debian packages in an APT repository on S3: ``make publish-apt BUCKET=… KEY=…``.

For whoever releases Failberry, as ``image/`` is; nothing of it is on a Pi, which knows the repository by an
ordinary entry in its APT sources.  The only thing it shares with the product is :mod:`failberry.aws.session`.
"""
