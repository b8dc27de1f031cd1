// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.31;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";

/// What the community's Governors have in common: all but where a member's weight comes from.
abstract contract Community is GovernorCountingSimple {
    uint256 private immutable _period;
    uint256 private immutable _quorum;
    /// Whether the snapshot is the block before the proposal's.
    bool private immutable _early;

    /// `period_` in blocks, `quorum_` in weight.
    constructor(uint256 period_, uint256 quorum_, bool early_) Governor("Community") {
        _period = period_;
        _quorum = quorum_;
        _early = early_;
    }

    /// A Governor as it comes counts what was had at the end of the proposal's own block, so votes have to wait for the next.
    /// An early one counts what was had at the end of the block before, which is settled: votes may follow in the proposal's block.
    /// `ProposalCreated` names the block from which on one may vote, in both cases.
    function proposalSnapshot(uint256 proposalId) public view override returns (uint256) {
        uint256 snapshot = super.proposalSnapshot(proposalId);
        return _early && snapshot != 0 ? snapshot - 1 : snapshot;
    }

    /// Blocks: the weave engine pins blocks too.
    function clock() public view override returns (uint48) {
        return uint48(block.number);
    }

    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=blocknumber&from=default";
    }

    /// None, so that all three ways are as fast as they can be.
    function votingDelay() public pure override returns (uint256) {
        return 0;
    }

    function votingPeriod() public view override returns (uint256) {
        return _period;
    }

    function quorum(uint256) public view override returns (uint256) {
        return _quorum;
    }
}
