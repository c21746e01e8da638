"""One file a verb. A verb offers ``MANUAL``, ``add_arguments`` and ``run`` (see :class:`selbox.cli.verb.Verb`)."""
