import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { python, root } from "./rig.mjs";

/** tests/scripted_server.py with these steps. */
export class ScriptedModel {
  static async start(steps) {
    const model = new ScriptedModel();
    model.folder = await mkdtemp(path.join(tmpdir(), "codefactory-model-"));
    const script = path.join(model.folder, "steps.json");
    await writeFile(script, JSON.stringify(steps));
    model.process = spawn(python, [path.join(root, "tests/scripted_server.py"), "--script", script], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    model.requests = [];
    const lines = createInterface({ input: model.process.stdout });
    model.url = await new Promise((resolve) => {
      lines.on("line", (line) => {
        const data = JSON.parse(line);
        data.url ? resolve(data.url) : model.requests.push(data);
      });
    });
    return model;
  }

  async stop() {
    this.process.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
