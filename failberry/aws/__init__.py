"""The owner's account at AWS: what asks it, and what sets our functions up in it.

* :mod:`.session` is the only importer of boto3: requests with a deadline, failures in words.

Nothing here is loaded by the daemon.
"""
