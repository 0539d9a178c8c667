"""What travels: to and from browsers (``volunteer``), between our processes (``grid``, ``zmq``, ``discovery``)."""
