// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.31;

import {Community} from "./Community.sol";
import {IWeave} from "./IWeave.sol";

/// Decides by rights of many chains: those that the weave engine of this chain has proofs of.
///
/// A proposal pins the newest certified block of each chain. A right counts if it was there, unchanged, at that block. These
/// blocks are past and final when the proposal comes, so voting begins in its own block.
contract WeaveGovernor is Community {
    /// A unit with its proof; no certificate if the root is known here.
    struct Proven {
        IWeave.StateUnit unit;
        IWeave.Proof proof;
        bytes certificate;
    }

    /// Nothing of the voter's counts at the proposal's snapshot (yet): the vote is not used up.
    error NoWeight(address voter);
    /// Less counts than the voter said: a proof is missing, or a right was not there at the snapshot. The vote is not used up.
    error TooLight(uint256 weight, uint256 expected);

    IWeave public immutable weave;
    /// The local key that the rights of all chains are mapped to.
    bytes32 public immutable key;
    uint64[] private _origins;
    mapping(uint256 => bool) private _pinned;

    constructor(IWeave weave_, bytes32 key_, uint64[] memory origins_, uint256 period_, uint256 quorum_)
        Community(period_, quorum_, true)
    {
        weave = weave_;
        key = key_;
        _origins = origins_;
    }

    /// Proposes, after it has made roots of other chains known: one signature checked for each chain, however many vote.
    function proposeAt(
        bytes[] calldata certificates,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description
    ) external returns (uint256) {
        weave.submitRoots(certificates);
        return propose(targets, values, calldatas, description);
    }

    /// Votes with rights that are proven here and now, with one signature, and trusting nobody to carry them. It counts for
    /// `weight` at least, or not at all.
    function castVoteByProof(uint256 proposalId, uint8 support, uint256 weight, Proven[] calldata rights)
        external
        returns (uint256 counted)
    {
        for (uint256 n = 0; n < rights.length; n++) {
            Proven calldata right = rights[n];
            IWeave.StateUnit calldata unit = right.unit;
            IWeave.Right memory known = weave.rightOf(unit.origin, unit.kind, unit.owner, unit.key);
            // Somebody may have been quicker: then it is proven, and so good as ours.
            if (known.provenHeight < right.proof.height) weave.accept(unit, right.proof, right.certificate);
        }
        counted = _castVote(proposalId, _msgSender(), support, "");
        if (counted < weight) revert TooLight(counted, weight);
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

    /// A vote that weighs nothing would keep its voter from voting once his proofs are here.
    function _countVote(uint256 proposalId, address account, uint8 support, uint256 weight, bytes memory params)
        internal
        override
        returns (uint256)
    {
        if (weight == 0) revert NoWeight(account);
        return super._countVote(proposalId, account, support, weight, params);
    }
}
