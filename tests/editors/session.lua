-- Opens FILE with the configuration in editors/neovim.lua, waits for the finding, applies its first quick fix, writes the file.
local wait = 30000
vim.cmd.source(vim.env.CONFIGURATION)
vim.lsp.config("codefactory", { cmd = { vim.env.PYTHON, "-I", "-m", "codefactory.server", "--stdio" } })
vim.cmd.edit(vim.env.FILE)
local function finding()
  for _, d in ipairs(vim.diagnostic.get(0)) do
    if d.code == "B506" or d.code == "S506" then
      return d
    end
  end
end
assert(vim.wait(wait, finding, 50), "the finding is not shown")
local found = finding()
vim.api.nvim_win_set_cursor(0, { found.lnum + 1, found.col })
vim.lsp.buf.code_action({
  apply = true,
  filter = function(action)
    return action.isPreferred
  end,
})
local function fixed()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n"):find("SafeLoader", 1, true)
end
assert(vim.wait(wait, fixed, 50), "the fix is not applied")
vim.cmd.write()
vim.cmd.quitall({ bang = true })
