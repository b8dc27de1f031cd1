"""What a Python script built with web3.py does, against a real node: every method by the name that rpc_discover gives it.

Run by `cargo xtask test` in a virtual environment of its own, with CALDERA_BIN and CALDERA_PLUGINS in the environment.
"""

import asyncio
import json
import os
import subprocess
import time
import unittest

from eth_account import Account
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import Web3RPCError

RECIPIENT = Web3.to_checksum_address("0x" + "77" * 20)
CODED = Web3.to_checksum_address("0x" + "c0de" * 10)
READ_SLOT = "0x60005460005260206000f3"
WRITE_SLOT = "0x600160005500"
ISSUED = ["uint8", "address", "bytes32", "uint256", "uint64", "uint64"]
ISSUE = [
    {
        "name": "issue",
        "type": "function",
        "stateMutability": "nonpayable",
        "inputs": [{"name": f"_{place}", "type": kind} for place, kind in enumerate(ISSUED)],
        "outputs": [{"name": "id", "type": "bytes32"}],
    }
]
START_S = 60


class Remembering(Web3.HTTPProvider):
    """Remembers the methods that went over the wire."""

    called = set()

    def make_request(self, method, params):
        self.called.add(method)
        return super().make_request(method, params)


def start_node():
    """`caldera dev` on a free port, and what it says when it is live."""
    args = [os.environ["CALDERA_BIN"], "dev", "--plugins", os.environ["CALDERA_PLUGINS"], "--port", "0", "--json"]
    node = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + START_S
    for line in node.stdout:
        if time.monotonic() > deadline:
            break
        said = json.loads(line)
        if said.get("event") == "ready":
            return node, said
    node.kill()
    raise RuntimeError("the node did not come up")


class EveryMethod(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node, ready = start_node()
        cls.finance = next(chain for chain in ready["chains"] if chain["name"] == "finance")
        cls.w3 = Web3(Remembering(cls.finance["url"]))
        cls.account = Account.from_key(ready["accounts"][7]["privateKey"])
        cls.governor = Account.from_key(ready["accounts"][0]["privateKey"])
        cls.eth = cls.w3.eth

    @classmethod
    def tearDownClass(cls):
        cls.node.terminate()
        assert cls.node.wait(20) == 0, "the node stops by itself"
        cls.node.stdout.close()

    def send(self, method, *params):
        return self.w3.provider.make_request(method, list(params))

    def result(self, method, *params):
        answer = self.send(method, *params)
        self.assertNotIn("error", answer, answer)
        return answer["result"]

    def signed(self, **changes):
        request = {key: value for key, value in self.request(**changes).items() if value is not None}
        return self.account.sign_transaction(request).raw_transaction

    def request(self, **changes):
        nonce = self.eth.get_transaction_count(self.account.address, "pending")
        fees = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1}
        common = {"to": RECIPIENT, "value": 1, "gas": 100_000, "chainId": self.finance["chainId"], "nonce": nonce}
        return {**common, **fees, **changes}

    def mined(self, **changes):
        return self.eth.wait_for_transaction_receipt(self.eth.send_raw_transaction(self.signed(**changes)), poll_latency=0.05)

    def test_1_identity(self):
        self.assertTrue(self.w3.is_connected())
        self.assertTrue(self.w3.client_version.startswith("anvil-compatible/caldera/v"))
        self.assertEqual(self.eth.chain_id, self.finance["chainId"])
        self.assertEqual(self.w3.net.version, str(self.eth.chain_id))
        self.assertTrue(self.w3.net.listening)
        self.assertEqual(self.w3.net.peer_count, 0)
        self.assertEqual(self.result("web3_sha3", "0x68656c6c6f"), Web3.keccak(text="hello").to_0x_hex())
        self.assertFalse(self.eth.syncing)
        self.assertEqual(len(self.eth.accounts), 10)
        self.assertIsNone(self.result("caldera_status")["halted"])
        self.assertTrue(self.result("caldera_engines")["mounts"])
        self.assertEqual(len(self.result("caldera_getLoggedBlocks", "0x0", "0x1")["blocks"]), 1)

    def test_2_blocks_and_transactions(self):
        receipt = self.mined()
        number, index = receipt["blockNumber"], receipt["transactionIndex"]
        block_hash, tx_hash = receipt["blockHash"], receipt["transactionHash"]
        self.assertGreaterEqual(self.eth.block_number, number)
        for tag in ("latest", "pending"):
            self.assertGreaterEqual(self.eth.get_block(tag)["number"], number)
        # Once the chain's validators have certified it.
        for _ in range(400):
            if self.eth.get_block("safe")["number"] >= number:
                break
            time.sleep(0.025)
        for tag in ("safe", "finalized"):
            self.assertGreaterEqual(self.eth.get_block(tag)["number"], number)
        certificate, witness = (self.result(name, hex(number)) for name in ("caldera_getCertificate", "caldera_getWitness"))
        self.assertEqual(certificate["statement"]["blockHash"], block_hash.to_0x_hex())
        self.assertEqual(witness["hash"], block_hash.to_0x_hex())
        self.assertEqual(self.eth.get_block("earliest")["number"], 0)
        self.assertEqual(self.eth.get_block(block_hash, True)["transactions"][index]["hash"], tx_hash)
        count = self.eth.get_block_transaction_count(number)
        self.assertEqual(self.eth.get_block_transaction_count(block_hash), count)
        self.assertEqual(len(self.eth.get_block_receipts(number)), count)
        whole = self.eth.get_transaction(tx_hash)
        self.assertEqual(self.eth.get_transaction_by_block(number, index), whole)
        self.assertEqual(self.eth.get_transaction_by_block(block_hash, index), whole)
        raw = self.eth.get_raw_transaction(tx_hash)
        self.assertEqual(Web3.keccak(raw), tx_hash)
        self.assertEqual(self.eth.get_raw_transaction_by_block(number, index), raw)
        self.assertEqual(self.eth.get_raw_transaction_by_block(block_hash, index), raw)
        self.assertEqual(self.result("debug_getRawTransaction", tx_hash.to_0x_hex()), raw.to_0x_hex())
        header = self.result("debug_getRawHeader", hex(number))
        self.assertEqual(Web3.keccak(hexstr=header), block_hash)
        self.assertIn(raw.hex(), self.result("debug_getRawBlock", hex(number)))
        self.assertEqual(len(self.result("debug_getRawReceipts", hex(number))), count)
        for by, place in (("Hash", block_hash.to_0x_hex()), ("Number", hex(number))):
            self.assertEqual(self.result(f"eth_getUncleCountByBlock{by}", place), "0x0")
            self.assertIsNone(self.result(f"eth_getUncleByBlock{by}AndIndex", place, "0x0"))

    def test_3_fees_and_state(self):
        self.assertGreater(self.eth.gas_price, 0)
        self.assertGreater(self.eth.max_priority_fee, 0)
        self.assertEqual(self.result("eth_blobBaseFee"), "0x1")
        self.assertGreater(int(self.result("eth_baseFee"), 16), 0)
        self.assertEqual(self.result("eth_capabilities")["state"]["oldestBlock"], "0x0")
        self.assertEqual(len(self.eth.fee_history(2, "latest", [50])["reward"]), 2)
        self.assertGreater(self.eth.get_balance(self.account.address), 10**21)
        engine = Web3.to_checksum_address(self.finance["mounts"][0]["address"])
        self.assertEqual(self.eth.get_code(engine)[0], 0xFE)
        slot = self.eth.get_storage_at(engine, 0)
        values = self.result("eth_getStorageValues", {engine: ["0x0"]}, "latest")
        self.assertEqual(values[engine.lower()], [slot.to_0x_hex()])
        self.assertEqual(len(self.eth.get_proof(engine, [0], "latest")["storageProof"]), 1)

    def test_3_state_units(self):
        place = next(mount["address"] for mount in self.finance["mounts"] if mount["name"].startswith("weave"))
        weave = self.eth.contract(Web3.to_checksum_address(place), abi=ISSUE)
        owner, key = RECIPIENT.lower(), "0x" + "03" * 32
        nonce = self.eth.get_transaction_count(self.governor.address)
        issue = weave.functions.issue(2, RECIPIENT, key, 7, 4202, 0)
        request = issue.build_transaction({"from": self.governor.address, "nonce": nonce, "gas": 1_000_000})
        raw = self.governor.sign_transaction(request).raw_transaction
        receipt = self.eth.wait_for_transaction_receipt(self.eth.send_raw_transaction(raw), poll_latency=0.05)
        self.assertEqual(receipt["status"], 1)
        number = receipt["blockNumber"]
        found = self.result("caldera_getStateUnitProof", {"kind": "0x2", "owner": owner, "key": key}, hex(number))
        self.assertEqual((found["unit"]["owner"], found["unit"]["value"]), (owner, "0x7"))
        proof = self.eth.get_proof(weave.address, [int(found["slot"], 16)], number)
        self.assertEqual(found["proof"]["accountProof"], "0x" + b"".join(proof["accountProof"]).hex())
        (slot,) = proof["storageProof"]
        self.assertEqual(found["proof"]["storageProof"], "0x" + b"".join(slot["proof"]).hex())
        # The first 31 bytes of the encoding's hash, and their length as Solidity has it.
        commitment = Web3.keccak(hexstr=found["encoding"])[:31] + bytes([62])
        self.assertEqual(bytes(slot["value"]).rjust(32, b"\0"), commitment)
        # Unless somebody asked for another block: of one that was certified.
        newest = self.result("caldera_getStateUnitProof", found["id"])
        certified = self.result("caldera_getCertificate", newest["proof"]["height"])
        self.assertEqual(newest["certificate"], certified["encoded"])

    def test_4_calls(self):
        word = "0x" + "2a".rjust(64, "0")
        overrides = {CODED: {"code": READ_SLOT, "stateDiff": {"0x" + "0" * 64: word}}}
        self.assertEqual(self.eth.call({"to": CODED}, "latest", overrides).to_0x_hex(), word)
        self.assertEqual(self.eth.estimate_gas({"from": self.account.address, "to": RECIPIENT, "value": 1}), 21_000)
        listed = self.eth.create_access_list({"from": self.account.address, "to": RECIPIENT, "data": "0x"})
        self.assertEqual(listed["accessList"], [])
        payload = {"blockStateCalls": [{"calls": [{"from": self.account.address, "to": RECIPIENT, "value": 1}]}]}
        simulated = self.eth.simulate_v1(payload, "latest")
        self.assertEqual(simulated[0]["calls"][0]["gasUsed"], 21_000)
        with self.assertRaises(Web3RPCError):
            self.eth.call({"from": CODED, "to": RECIPIENT, "value": 1})

    def test_5_filters(self):
        blocks, pending = self.eth.filter("latest"), self.eth.filter("pending")
        engine = Web3.to_checksum_address(self.finance["mounts"][0]["address"])
        logs = self.eth.filter({"address": engine, "fromBlock": 0})
        receipt = self.mined()
        self.assertIn(receipt["blockHash"], blocks.get_new_entries())
        self.assertIn(receipt["transactionHash"], pending.get_new_entries())
        self.assertEqual(logs.get_all_entries(), self.eth.get_logs({"address": engine, "fromBlock": 0}))
        for installed in (blocks, pending, logs):
            self.assertTrue(self.eth.uninstall_filter(installed.filter_id))

    def test_6_pool(self):
        nonce = self.eth.get_transaction_count(self.account.address, "pending")
        self.eth.send_raw_transaction(self.signed(nonce=nonce + 1))
        self.assertEqual(self.w3.geth.txpool.status()["queued"], "0x1")
        (waiting,) = self.w3.geth.txpool.content()["queued"].values()
        self.assertEqual(list(waiting), [str(nonce + 1)])
        self.assertTrue(self.w3.geth.txpool.inspect()["queued"])
        self.assertEqual(list(self.result("txpool_contentFrom", self.account.address)["queued"]), [str(nonce + 1)])
        raw = Web3.to_hex(self.signed(nonce=nonce))
        receipt = self.result("eth_sendRawTransactionSync", raw, "0x2710")
        self.assertEqual(receipt["status"], "0x1")
        self.assertEqual(self.result("eth_sendRawTransactionSync", raw), receipt)

    def test_7_kinds(self):
        legacy = {"gasPrice": 10**10, "maxFeePerGas": None, "maxPriorityFeePerGas": None}
        for changes, kind in (({}, 2), ({"type": 1, "accessList": [], **legacy}, 1), (legacy, 0)):
            receipt = self.mined(**changes)
            self.assertEqual((receipt["type"], receipt["status"]), (kind, 1))
        chain_id = self.finance["chainId"]
        nonce = self.eth.get_transaction_count(self.account.address)
        authorization = self.account.sign_authorization({"chainId": chain_id, "address": RECIPIENT, "nonce": nonce + 1})
        receipt = self.mined(authorizationList=[authorization])
        self.assertEqual(receipt["type"], 4)
        self.assertEqual(self.eth.get_code(self.account.address).hex(), "ef0100" + RECIPIENT[2:].lower())
        refused = self.send("eth_sendRawTransaction", "0x03f8")["error"]
        self.assertIn("EIP-4844", refused["message"])
        self.assertIn("error", self.send("caldera_sendRawTransactionWithSidecar", "0x03f8", []))

    def test_8_traces(self):
        receipt = self.mined(to=self.finance["mounts"][0]["address"], value=0, data="0xdeadbeef")
        tx_hash = receipt["transactionHash"].to_0x_hex()
        options = {"tracer": "callTracer"}
        frame = self.result("debug_traceTransaction", tx_hash, options)
        self.assertEqual(frame["caldera"]["export"], "call")
        traces = self.result("debug_traceBlockByNumber", hex(receipt["blockNumber"]), options)
        self.assertEqual(traces[receipt["transactionIndex"]]["result"], frame)
        self.assertEqual(self.result("debug_traceBlockByHash", receipt["blockHash"].to_0x_hex(), options), traces)
        overrides = {"stateOverrides": {CODED: {"code": WRITE_SLOT}}}
        steps = self.result("debug_traceCall", {"to": CODED}, "latest", overrides)
        self.assertEqual([step["op"] for step in steps["structLogs"]], ["PUSH1", "PUSH1", "SSTORE", "STOP"])

    def test_9_subscriptions(self):
        async def listen():
            async with AsyncWeb3(WebSocketProvider(self.finance["wsUrl"])) as w3:
                ids = [await w3.eth.subscribe("newHeads"), await w3.eth.subscribe("newPendingTransactions")]
                raw = self.signed()
                hash_ = await w3.eth.send_raw_transaction(raw)
                missing = set(ids)
                async for message in w3.socket.process_subscriptions():
                    seen = message["result"]
                    if message["subscription"] == ids[0] or seen == hash_:
                        missing.discard(message["subscription"])
                    if not missing:
                        break
                return [await w3.eth.unsubscribe(id_) for id_ in ids]

        self.assertEqual(asyncio.run(asyncio.wait_for(listen(), 20)), [True, True])
        Remembering.called |= {"eth_subscribe", "eth_unsubscribe"}

    def test_z_nothing_was_left_out(self):
        document = self.result("rpc_discover")
        self.assertEqual(self.result("rpc.discover"), document)
        # What only development chains have is called in development.test.mjs.
        common = [method["name"] for method in document["methods"] if not method["tags"]]
        left = [name for name in common if name not in Remembering.called]
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
