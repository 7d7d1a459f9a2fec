"""Asks the house's health checks each minute, and writes status and latency to CloudWatch.

Theory of operation
===================
A schedule calls the function with a list of endpoints.  All are asked at once, each again after a failure,
for one lost SYN is not an outage; the results go to CloudWatch in one call.  An alarm on ``Up`` drives a
Route 53 health check: one question a minute instead of thirty, on a line paid for by the megabyte.  ::

    event --endpoints.read()--> Endpoint --fetch.ask()--> Result --metrics.collect()--> PutMetricData
                                                             +-----metrics.report()---> the original's answer

* :mod:`ping.endpoints` and :mod:`ping.metrics` are pure.
* :mod:`ping.fetch` is the only opener of a socket, by the standard library.
* :mod:`ping.aws` is the only importer of boto3, :mod:`ping.handler` what Lambda calls.

What the design defends
-----------------------
*True figures.*  ``StatusCode`` is what was answered, and there is none where nothing was.  ``Latency`` exists
only for what was up, so failures do not make a line look fast.  What cannot be tried from here (IPv6, which
Lambda has in some subnets only) is reported as unsupported, never as down.

*Metered bytes.*  A line that answers is asked once.  The body is read only if a text is looked for in it.

*No surprises.*  A redirect to another host is not followed, what is read is bounded, and everything is over
within 25 seconds.
"""
