// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.31;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Votes} from "@openzeppelin/contracts/governance/utils/Votes.sol";

/// Voting rights that an owner grants on this chain. A member's weight is his own from the start: an ERC-20 with votes would ask
/// each member for one more signature on each chain, and the comparison is not to owe anything to that.
///
/// The owner is the community on its own chain, or a relayer that is trusted to repeat what other chains granted.
contract Membership is Votes, Ownable {
    mapping(address => uint256) public weightOf;

    constructor(address owner_) EIP712("Membership", "1") Ownable(owner_) {}

    function grant(address member, uint256 weight) external onlyOwner {
        if (delegates(member) == address(0)) _delegate(member, member);
        weightOf[member] += weight;
        _transferVotingUnits(address(0), member, weight);
    }

    function _getVotingUnits(address member) internal view override returns (uint256) {
        return weightOf[member];
    }
}
