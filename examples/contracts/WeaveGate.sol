// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.31;

/// The part of the weave engine's interface that this example uses, as in `plugins/weave/rules/src/abi.rs`.
interface IWeave {
    function permission(address owner, bytes32 key) external view returns (bool);
    function standing(uint8 kind, address owner, bytes32 key) external view returns (uint256 value, uint64 expiry);
}

/// Lets in who has a right, wherever it was given: a contract asks the weave engine of its own chain and knows no other.
contract WeaveGate {
    IWeave public immutable weave;
    bytes32 public immutable key;
    mapping(address => uint256) public weightOf;

    event Entered(address indexed who, uint256 weight);

    error NoPermission(address who, bytes32 key);

    constructor(IWeave weave_, bytes32 key_) {
        weave = weave_;
        key = key_;
    }

    function enter() external {
        if (!weave.permission(msg.sender, key)) revert NoPermission(msg.sender, key);
        (uint256 weight,) = weave.standing(2, msg.sender, key);
        weightOf[msg.sender] = weight;
        emit Entered(msg.sender, weight);
    }
}
