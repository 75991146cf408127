"""Files, as steps may touch them: beneath the folders of an `AccessPolicy`, and never anywhere else.

access.py    Access: a path as written → an open folder and a name in it, links followed by us
spelling.py  which ways of writing a path are refused      guard.py     which names and kinds of files are
folder.py    an open folder; everything is relative to it  text.py      encodings, byte order marks, line endings
reading.py   lines and pieces of an open file
atomic.py    a file is replaced whole or not at all        transfer.py  bytes from file to file, in the kernel
listing.py   list and glob                                 trash.py     what was deleted, until it is restored
job.py       blocking work that reports and can be ended   operations.py  what the `file` step does

Nothing here trusts a path twice: it is walked once, folder by folder, and what is opened is used through what was
opened. Between a check and a use there is no name that somebody could point elsewhere.
"""
