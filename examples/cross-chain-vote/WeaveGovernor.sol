// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.31;

import {Community} from "./Community.sol";

/// The part of the weave engine's interface that votes need, as in `plugins/weave/rules/src/abi.rs`.
interface IWeaveVotes {
    function pinSnapshot(bytes32 proposal, uint64[] calldata origins) external;
    function votes(address pinner, bytes32 proposal, address owner, bytes32 key) external view returns (uint256);
}

/// Decides by rights of many chains: those that the weave engine of this chain has proofs of.
///
/// A proposal pins the newest certified block of each chain. A right counts if it was there, unchanged, at that block.
contract WeaveGovernor is Community {
    IWeaveVotes public immutable weave;
    /// The local key that the rights of all chains are mapped to.
    bytes32 public immutable key;
    uint64[] private _origins;
    mapping(uint256 => bool) private _pinned;

    constructor(IWeaveVotes weave_, bytes32 key_, uint64[] memory origins_, uint256 period_, uint256 quorum_)
        Community(period_, quorum_)
    {
        weave = weave_;
        key = key_;
        _origins = origins_;
    }

    /// A Governor asks for votes by the block of a proposal, not by its id: so that block is the snapshot's name, and
    /// proposals of one block share it.
    function _propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        address proposer
    ) internal override returns (uint256 proposalId) {
        proposalId = super._propose(targets, values, calldatas, description, proposer);
        uint256 timepoint = proposalSnapshot(proposalId);
        if (_pinned[timepoint]) return proposalId;
        _pinned[timepoint] = true;
        weave.pinSnapshot(bytes32(timepoint), _origins);
    }

    function _getVotes(address account, uint256 timepoint, bytes memory) internal view override returns (uint256) {
        return weave.votes(address(this), bytes32(timepoint), account, key);
    }
}
