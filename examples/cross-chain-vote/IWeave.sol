// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.31;

/// The part of the weave engine's interface that votes need, as in `plugins/weave/rules/src/abi.rs`.
interface IWeave {
    struct StateUnit {
        uint8 version;
        uint8 kind;
        uint64 origin;
        address issuer;
        address owner;
        bytes32 key;
        uint64 serial;
        uint64 destination;
        uint256 value;
        uint64 issued;
        uint64 nonce;
        uint64 expiry;
    }

    struct Proof {
        uint64 height;
        bytes accountProof;
        bytes storageProof;
    }

    struct Right {
        uint256 value;
        uint64 destination;
        uint64 issued;
        uint64 nonce;
        uint64 expiry;
        uint64 provenHeight;
        uint64 provenAt;
        uint64 endedHeight;
    }

    function submitRoots(bytes[] calldata certificates) external returns (uint256 recorded);
    function accept(StateUnit calldata unit, Proof calldata proof, bytes calldata certificate) external;
    function rightOf(uint64 origin, uint8 kind, address owner, bytes32 key) external view returns (Right memory);
    function pinSnapshot(bytes32 proposal, uint64[] calldata origins) external;
    function votes(address pinner, bytes32 proposal, address owner, bytes32 key) external view returns (uint256);
}
