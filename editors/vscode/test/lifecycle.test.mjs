// What surrounds the work: saving, a server that dies, workspaces that are not trusted, no Python, a package to install.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.mjs";
import { Editor, python, root, watch } from "./rig.mjs";
import { LOADER, RULES } from "./sources.mjs";

describe("fixing on save, and a server that dies", () => {
  let editor;
  watch(() => editor);
  before(async () => {
    editor = await Editor.start({
      files: { "loader.py": LOADER, "other.py": LOADER, "ruff.toml": RULES },
      settings: { "editor.codeActionsOnSave": { "source.fixAll.codefactory": "explicit" } },
    });
  });
  after(() => editor?.stop());

  test("saving fixes what is safe, where the user has asked for it", async () => {
    await editor.openFile("other.py");
    await editor.squiggles().first().waitFor();
    await editor.goTo(9, 1);
    await editor.type("\n");
    await editor.save();
    await eventually(async () => !(await editor.onDisk("other.py")).includes("import os"), { what: "fixed on disk" });
    assert.ok((await editor.onDisk("other.py")).includes("Loader=yaml.Loader"), "what needs a review is left alone");
    await editor.screenshot("31-fixed-on-save");
  });

  test("a killed server is restarted, and its findings come back", async () => {
    await editor.openFile("loader.py");
    await editor.squiggles().first().waitFor();
    const [pid] = editor.servers();
    process.kill(pid, "SIGKILL");
    await editor.page.locator(".statusbar-item", { hasText: "is restarting" }).waitFor();
    await editor.screenshot("32-restarting");
    await eventually(() => editor.servers().some((other) => other !== pid), { what: "another server" });
    await editor.goTo(2, 1);
    await editor.type("import sys");
    await editor.codesAre("B506", "B506", "F401", "F401");
    await editor.screenshot("33-findings-back");
  });

  test("after the third time it is not started again, and the log is offered", async () => {
    for (let crash = 2; crash <= 3; crash += 1) {
      const pid = await eventually(() => editor.servers()[0], { what: "a server" });
      process.kill(pid, "SIGKILL");
      await eventually(() => !editor.servers().includes(pid), { what: "it has ended" });
    }
    await editor.notification("was not started again").waitFor();
    await editor.screenshot("34-stopped");
    assert.deepEqual(editor.servers(), []);
    await editor.notification("was not started again").getByText("Restart").click();
    await eventually(() => editor.servers().length === 1, { what: "a server again" });
  });
});

describe("a workspace that is not trusted", () => {
  let editor;
  let theirs;
  watch(() => editor);
  before(async () => {
    editor = await Editor.start({
      trust: true,
      files: (folder) => {
        theirs = path.join(folder, "started");
        return {
          "loader.py": LOADER,
          "ruff.toml": RULES,
          "python.sh": `touch '${theirs}'\nexec '${python}' "$@"\n`,
          ".vscode/settings.json": JSON.stringify({
            "codefactory.interpreter": ["/bin/sh", path.join(folder, "python.sh")],
            "codefactory.model.name": "editor/theirs",
            "codefactory.model.apiBase": "http://127.0.0.1:9/",
          }),
        };
      },
    });
  });
  after(() => editor?.stop());

  test("is checked, and none of its settings that name programs or endpoints count", async () => {
    await editor.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
    await editor.openFile("loader.py");
    await editor.squiggles().first().waitFor();
    await editor.codesAre("B506", "F401");
    await editor.statusHas("this workspace is not trusted");
    await editor.page.locator(".monaco-hover", { hasText: "deterministic fixes only" }).waitFor();
    await editor.screenshot("41-limited");
    assert.ok(!existsSync(theirs), "the program that the workspace names was started");
  });

  test("has its settings count when it is trusted", async () => {
    const before = editor.servers();
    await editor.run("Workspaces: Manage Workspace Trust");
    const button = editor.page.locator(".workspace-trust-editor .monaco-button").getByText("Trust", { exact: true });
    await button.waitFor();
    await editor.screenshot("42-trust");
    await button.click();
    await editor.page.locator(".workspace-trust-editor", { hasText: "You trust this folder" }).waitFor();
    await editor.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor({ state: "hidden" });
    await eventually(() => existsSync(theirs), { what: "the workspace's own interpreter is used" });
    await eventually(() => editor.servers().some((pid) => !before.includes(pid)), { what: "another server" });
    await editor.statusHas("editor/theirs");
    await editor.codesAre("B506", "F401");
    await editor.screenshot("43-trusted");
    assert.equal(await editor.page.locator(".monaco-hover", { hasText: "not trusted" }).count(), 0);
  });
});

describe("something is missing", () => {
  let editor;
  let packages;
  watch(() => editor);
  before(async () => {
    packages = mkdtempSync(path.join(tmpdir(), "codefactory-packages-"));
    makeLitellm(packages);
    editor = await Editor.start({
      files: { "loader.py": LOADER, "ruff.toml": RULES },
      settings: { "codefactory.interpreter": ["/nowhere/python"] },
      env: { PIP_NO_INDEX: "1", PIP_FIND_LINKS: packages },
    });
  });
  after(async () => {
    await editor?.stop();
    rmSync(packages, { recursive: true });
  });

  test("no Python that fits is said once, with what was tried and where to change it", async () => {
    const toast = editor.notification("Code Factory needs a Python");
    await toast.getByText("/nowhere/python could not be started").waitFor();
    await toast.getByText("Open Settings").waitFor();
    await editor.screenshot("51-no-python");
  });

  test("the server starts as soon as there is one", async () => {
    await editor.set({ "codefactory.model.name": "bedrock/some.model" });
    await editor.openFile("loader.py");
    await editor.squiggles().first().waitFor();
  });

  test("a model that cannot be asked says what is missing, and offers it", async () => {
    await editor.run("Notifications: Clear All Notifications");
    await editor.statusHas("litellm is not installed");
    await editor.focusEditor();
    await editor.run("Code Factory: Repair File");
    await editor.lineIs(1, ""); // the unused import is gone
    await editor.notification("Repairing loader.py").waitFor({ state: "hidden" });
    await editor.notification("needs the package litellm").getByText("Install", { exact: true }).waitFor();
    await editor.screenshot("52-model-support");
  });

  test("the package is installed with pip, for this extension only", async () => {
    const before = editor.servers();
    await editor.notification("needs the package litellm").getByText("Install", { exact: true }).click();
    await editor.notification("Models can be asked now.").waitFor();
    await eventually(() => editor.servers().some((pid) => !before.includes(pid)), { what: "another server" });
    await editor.statusHas("bedrock/some.model");
    await editor.screenshot("53-installed");
  });
});

/** A package of litellm's name and pinned version, with nothing in it: the real one is 250 MB. */
function makeLitellm(folder) {
  const pins = readFileSync(path.join(root, "constraints.txt"), "utf8");
  const version = /^litellm==(.*)$/m.exec(pins)[1];
  const code = `
import sys, zipfile
folder, version = sys.argv[1:]
info = f"litellm-{version}.dist-info"
with zipfile.ZipFile(f"{folder}/litellm-{version}-py3-none-any.whl", "w") as wheel:
    wheel.writestr("litellm/__init__.py", "")
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: litellm\\nVersion: {version}\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", "")
`;
  execFileSync(python, ["-c", code, folder, version]);
}
