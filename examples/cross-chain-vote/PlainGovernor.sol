// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.31;

import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {Community} from "./Community.sol";

/// Decides by the rights that were granted on this chain, or that a relayer says were granted on others.
contract PlainGovernor is Community {
    IVotes public immutable members;

    constructor(IVotes members_, uint256 period_, uint256 quorum_, bool early_) Community(period_, quorum_, early_) {
        members = members_;
    }

    function _getVotes(address account, uint256 timepoint, bytes memory) internal view override returns (uint256) {
        return members.getPastVotes(account, timepoint);
    }
}
