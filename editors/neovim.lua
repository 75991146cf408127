-- Neovim 0.11 or newer, in init.lua.
vim.lsp.config("codefactory", {
  cmd = { "python3", "-I", "-m", "codefactory.server", "--stdio" },
  filetypes = { "python" },
  root_markers = { "pyproject.toml", "ruff.toml", ".git" },
  settings = { codefactory = { repair = { allow = "review" } } },
})
vim.lsp.enable("codefactory")
