// A real node for the tests: `caldera dev` on a free port, its data in a temporary folder, stopped when the tests are over.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Longest wait for a node to be live, in milliseconds: it may have engines to compile. */
const START_MS = 60_000;
/** Longest wait for a node to stop once it was asked to, in milliseconds. */
const STOP_MS = 20_000;

/** Starts a node, with further arguments if need be, and gives back what it said when it was live, and how to stop it. */
export async function startNode(...more) {
  const { CALDERA_BIN: bin, CALDERA_PLUGINS: plugins } = process.env;
  if (!bin || !plugins) throw new Error("set CALDERA_BIN to the node's binary and CALDERA_PLUGINS to the folder of components");
  const args = ["dev", "--plugins", plugins, "--port", "0", "--json", ...more];
  const child = spawn(bin, args, { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  // Should this process go first, however it goes, the node does not outlive it.
  process.once("exit", () => child.kill("SIGKILL"));
  let log = "";
  child.stderr.on("data", (chunk) => (log = (log + chunk).slice(-20_000)));
  try {
    const ready = await Promise.race([readyLine(child), gone(exited), late(START_MS)]);
    return { ready, finance: ready.chains.find((chain) => chain.name === "finance"), stop: () => stop(child, exited) };
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`${bin} ${args.join(" ")}: ${error.message}\n${log}`);
  }
}

/** The first line that says that the node is live. Later output is read too, so that the pipe never fills. */
function readyLine(child) {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      let said;
      try {
        said = JSON.parse(line);
      } catch {
        return; // Not ours to understand.
      }
      if (said.event === "ready") resolve(said);
    });
  });
}

async function gone(exited) {
  const [code, signal] = await exited;
  throw new Error(`ended before it was live (code ${code}, signal ${signal})`);
}

async function late(milliseconds) {
  await timer(milliseconds);
  throw new Error(`nothing happened for ${milliseconds} ms`);
}

/** Asks the node to stop; it must do so by itself and with exit code 0. */
async function stop(child, exited) {
  child.kill("SIGTERM");
  const ended = await Promise.race([exited, timer(STOP_MS)]);
  if (!ended) {
    child.kill("SIGKILL");
    throw new Error(`the node did not stop within ${STOP_MS} ms`);
  }
  const [code, signal] = ended;
  if (code !== 0) throw new Error(`the node ended with code ${code}, signal ${signal}`);
}

/** Resolves after a while, without keeping the process alive for it. */
export const timer = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
