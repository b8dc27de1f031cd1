require("@nomicfoundation/hardhat-ethers");
const { subtask } = require("hardhat/config");
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require("hardhat/builtin-tasks/task-names");
const solc = require("solc/package.json");

// The compiler of the lock file, instead of one that Hardhat fetches.
subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async () => ({
  compilerPath: require.resolve("solc/soljson.js"),
  isSolcJs: true,
  version: solc.version,
  longVersion: solc.version,
}));

module.exports = {
  solidity: { version: solc.version, settings: { evmVersion: "osaka", optimizer: { enabled: true, runs: 200 } } },
  defaultNetwork: "caldera",
  // The chain makes its own blocks: nothing here says which engines it has.
  networks: { caldera: { url: process.env.CALDERA_RPC ?? "http://127.0.0.1:8545/chains/arena" } },
};
