"""The house's names in Route 53, changed by whoever holds a secret: no AWS key has to lie on the Pi.

Theory of operation
===================
One function behind one function URL, AuthType NONE: this code is the only gate.  ::

    event --event.read()--> Call --protocol / dyndns2--> Wish --update.Publisher--> Outcome --> answer
                                     ^                              |
                                 keys.KeyRing                 ledger, zone, probe

* :mod:`ddns.event`, :mod:`ddns.protocol`, :mod:`ddns.address`, :mod:`ddns.record` and :mod:`ddns.dyndns2` are
  pure: values in, values out.
* :mod:`ddns.keys` knows who may change what, :mod:`ddns.update` the order of the checks,
  :mod:`ddns.endpoint` what is answered.  They reach the world through :mod:`ddns.ports` only.
* :mod:`ddns.aws` is the only importer of boto3, :mod:`ddns.probe` the only opener of a socket.
* :mod:`ddns.handler` is what Lambda calls.

What the design defends
-----------------------
*Nothing without the secret.*  A signature covers path, host, time, nonce and body, so no field can be moved
into another.  An unknown key and a bad signature take the same path to the same answer.

*Nothing twice.*  A request is good for five minutes of the server's time, and its time stamp must be later
than that of any before it for the same key and name: a conditional write sees to that.

*Little with the secret.*  A key changes the A and AAAA records of its own names, to the address it comes
from.  Any other needs a permission, and only addresses that the whole Internet can reach are published.

*Nothing of others.*  What is there is read first.  Only the record with this name, this type and this
SetIdentifier is written, with its routing policy and its health check as they were.

*Cheap to refuse.*  Size and form are judged before anything is asked of AWS; what is refused is counted, and
the counts are logged once a minute at most.  Neither secrets nor bodies are ever logged.
"""
