;;; Emacs with eglot (part of Emacs 29; package elpa-eglot before), in init.el.  -*- lexical-binding: t -*-
(require 'eglot)
(add-to-list 'eglot-server-programs
             '(python-mode . ("python3" "-I" "-m" "codefactory.server" "--stdio")))
(add-hook 'python-mode-hook #'eglot-ensure)
