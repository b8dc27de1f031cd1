// A Hardhat project's tests as they are written for Hardhat's own network, on a chain whose contracts call an engine.

const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { ethers } = require("hardhat");
const helpers = require("@nomicfoundation/hardhat-network-helpers");

/** Where `caldera dev` mounts the hello engine, and the ABI that it ships with. */
const HELLO = "0x0000000000000000000000000000000000004E11";
const helloAbi = JSON.parse(readFileSync(join(__dirname, "../../hello-engine/abi.json"), "utf8"));

describe("a guestbook over an engine", () => {
  async function deployed() {
    const [owner, guest, other] = await ethers.getSigners();
    const book = await ethers.deployContract("Guestbook", [HELLO, 0]);
    await book.waitForDeployment();
    return { owner, guest, other, book, hello: new ethers.Contract(HELLO, helloAbi, guest) };
  }

  it("writes down what the engine answers", async () => {
    const { guest, book, hello } = await helpers.loadFixture(deployed);
    const receipt = await (await book.connect(guest).sign("Ada")).wait();
    const [greeted, signed] = receipt.logs;
    assert.deepEqual([greeted.address, hello.interface.parseLog(greeted).name], [HELLO, "Greeted"]);
    assert.deepEqual([signed.fragment.name, signed.args.guest, signed.args.answer], ["Signed", guest.address, "Hello, Ada"]);
    assert.equal(await book.pages(0), "Hello, Ada");
    assert.deepEqual([await book.greetings(), await hello.count(book.target)], [1n, 1n]);
  });

  it("has an engine without memory after each fixture", async () => {
    const { book } = await helpers.loadFixture(deployed);
    assert.equal(await book.greetings(), 0n);
    await (await book.sign("Grace")).wait();
    const snapshot = await helpers.takeSnapshot();
    await (await book.sign("Ada")).wait();
    assert.equal(await book.greetings(), 2n);
    await snapshot.restore();
    assert.equal(await book.greetings(), 1n);
  });

  it("meets the engine's typed refusals", async () => {
    const { book, hello } = await helpers.loadFixture(deployed);
    const refusal = hello.interface.encodeErrorResult("BadName", [0]);
    await assert.rejects(hello.greet.staticCall(""), (error) => error.data === refusal);
    // Estimating its gas meets it too, through the contract.
    await assert.rejects(book.sign(""), (error) => error.data === refusal);
    assert.equal(await book.trySign.staticCall(""), false);
    assert.equal(await book.trySign.staticCall("Ada"), true);
  });

  it("opens in time", async () => {
    const opens = (await helpers.time.latest()) + 3_600;
    const book = await ethers.deployContract("Guestbook", [HELLO, opens]);
    await assert.rejects(book.sign("early"), /the book is not open yet/);
    await helpers.time.increaseTo(opens);
    await (await book.sign("in time")).wait();
    await helpers.time.setNextBlockTimestamp(opens + 500);
    await helpers.mine();
    assert.equal(await helpers.time.latest(), opens + 500);
    const height = await helpers.time.latestBlock();
    await helpers.mine(20, { interval: 60 });
    assert.equal(await helpers.time.latestBlock(), height + 20);
    // The first of them comes as the clock has it.
    const late = (await helpers.time.latest()) - (opens + 500 + 19 * 60);
    assert.ok(late >= 0 && late < 10, String(late));
  });

  it("is signed by who has no key", async () => {
    const { book, other } = await helpers.loadFixture(deployed);
    const whale = ethers.getAddress(`0x${"77".repeat(20)}`);
    await helpers.setBalance(whale, ethers.parseEther("9"));
    await helpers.impersonateAccount(whale);
    const signer = await ethers.getSigner(whale);
    const receipt = await (await book.connect(signer).sign("whale")).wait();
    assert.deepEqual([receipt.from, receipt.status], [whale, 1]);
    await assert.rejects(book.connect(signer).close(), /only the owner/);
    await helpers.stopImpersonatingAccount(whale);
    await assert.rejects(other.provider.send("eth_sendTransaction", [{ from: whale, to: other.address }]), /unknown account/);
  });

  it("has its state set by hand, and the engine's address keeps its engine", async () => {
    const { book } = await helpers.loadFixture(deployed);
    await helpers.setStorageAt(book.target, 0, 5);
    assert.equal(await book.opensAt(), 5n);
    assert.equal(BigInt(await helpers.getStorageAt(book.target, 0)), 5n);
    const coded = ethers.getAddress(`0x${"c0de".repeat(10)}`);
    await helpers.setCode(coded, "0x6001");
    await helpers.setNonce(coded, 77);
    assert.deepEqual([await ethers.provider.getCode(coded), await ethers.provider.getTransactionCount(coded)], ["0x6001", 77]);
    await assert.rejects(helpers.setCode(HELLO, "0x6001"), /set by a swap alone/);
  });

  it("has what waits dropped", async () => {
    const { guest, book } = await helpers.loadFixture(deployed);
    await ethers.provider.send("evm_setAutomine", [false]);
    try {
      const waits = await book.connect(guest).sign("never");
      assert.equal(await helpers.dropTransaction(waits.hash), true);
      assert.equal(await helpers.dropTransaction(waits.hash), false);
      await helpers.mine();
      assert.equal(await ethers.provider.getTransactionReceipt(waits.hash), null);
      assert.equal(await ethers.provider.getTransactionCount(guest, "pending"), await ethers.provider.getTransactionCount(guest));
    } finally {
      await ethers.provider.send("evm_setAutomine", [true]);
    }
  });
});
