// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// The hello engine, as `plugins` says in its `abi.json`.
interface IHello {
    error BadName(uint256 bytes_);
    function greet(string calldata name) external returns (string memory);
    function count(address who) external view returns (uint64);
}

/// A contract whose logic is half an engine's: it is greeted by it, and writes down what it heard.
contract Guestbook {
    event Signed(address indexed guest, string answer, uint256 time);

    IHello public immutable hello;
    address public immutable owner;
    uint256 public opensAt;
    string[] public pages;

    constructor(IHello engine, uint256 opens) {
        hello = engine;
        owner = msg.sender;
        opensAt = opens;
    }

    modifier open() {
        require(block.timestamp >= opensAt, "the book is not open yet");
        _;
    }

    function sign(string calldata name) external open returns (uint256 page) {
        string memory answer = hello.greet(name);
        pages.push(answer);
        emit Signed(msg.sender, answer, block.timestamp);
        return pages.length - 1;
    }

    /// Whatever the engine refuses is caught like any revert.
    function trySign(string calldata name) external open returns (bool) {
        try hello.greet(name) returns (string memory answer) {
            pages.push(answer);
            return true;
        } catch (bytes memory reason) {
            require(bytes4(reason) == IHello.BadName.selector, "another reason");
            return false;
        }
    }

    function close() external {
        require(msg.sender == owner, "only the owner");
        opensAt = type(uint256).max;
    }

    function greetings() external view returns (uint64) {
        return hello.count(address(this));
    }
}
