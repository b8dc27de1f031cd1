// A JSON-RPC client of a few lines that remembers what it called, for coverage of every method there is.

import assert from "node:assert/strict";

export class Rpc {
  #id = 0;
  /** Names of the methods that were called. */
  called = new Set();

  constructor(url) {
    this.url = url;
  }

  /** The result of a call; an error is thrown with its code and data. */
  async send(method, ...params) {
    const { result, error } = await this.post({ method, params });
    if (error) throw Object.assign(new Error(`${method}: ${error.message}`), error);
    return result;
  }

  /** The error of a call, which must be refused. */
  async refused(method, ...params) {
    const { result, error } = await this.post({ method, params });
    assert.ok(error, `${method} should be refused, and answered ${JSON.stringify(result)}`);
    return error;
  }

  async post({ method, params }) {
    this.called.add(method);
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.#id, method, params });
    const answer = await fetch(this.url, { method: "POST", headers: { "content-type": "application/json" }, body });
    return answer.json();
  }
}
