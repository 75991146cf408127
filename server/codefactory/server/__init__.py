"""The front doors: language server and command line. They translate and decide nothing."""
