// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.31;

/// The part of the clearing engine's interface that this example uses, as in `plugins/clearing/rules/src/abi.rs`.
/// To Solidity an engine is a contract like any other: a typed interface, events, and errors that can be caught.
interface IClearing {
    struct Obligation {
        address debtor;
        address creditor;
        address asset;
        uint256 amount;
        uint64 due;
        /// The debtor's own name for it.
        bytes32 referenceId;
    }

    event ObligationSubmitted(
        uint64 indexed cycle, address indexed debtor, address indexed creditor, uint256 amount, uint64 due, bytes32 referenceId
    );

    error NotRegistered(address account);
    error DuplicateReference(address debtor, bytes32 referenceId);
    error ZeroAmount();

    function register() external;
    function postMargin(address asset, uint256 amount) external;
    function submit(Obligation calldata obligation) external;
    function currentCycle() external view returns (uint64 open, bool closing);
    function marginOf(address participant) external view returns (uint256 settlement, uint256 collateral);
}

interface IERC20 {
    function approve(address spender, uint256 amount) external returns (bool);
}

/// A firm's treasury as a contract: it takes part in clearing by itself. Anyone may drive it; a real one would not let them.
contract ClearingCaller {
    /// The engine refused an obligation, for the reason whose error has this selector.
    event Refused(bytes32 indexed id, bytes4 selector, bytes reason);

    IClearing public immutable clearing;
    address public immutable asset;

    constructor(IClearing clearing_, address asset_) {
        clearing = clearing_;
        asset = asset_;
    }

    function register() external {
        clearing.register();
    }

    /// Posts margin out of this contract's own tokens.
    function postMargin(uint256 amount) external {
        IERC20(asset).approve(address(clearing), amount);
        clearing.postMargin(asset, amount);
    }

    /// Takes on an obligation. What the engine reverts with, this reverts with.
    function owe(address creditor, uint256 amount, bytes32 id) external {
        clearing.submit(_obligation(creditor, amount, id));
    }

    /// The same, but a refusal is caught: told by an event, with nothing of the engine's left behind.
    function tryOwe(address creditor, uint256 amount, bytes32 id) external returns (bool taken) {
        try clearing.submit(_obligation(creditor, amount, id)) {
            return true;
        } catch (bytes memory reason) {
            emit Refused(id, bytes4(reason), reason);
            return false;
        }
    }

    /// Margin that the engine holds for this contract.
    function margin() external view returns (uint256 settlement) {
        (settlement,) = clearing.marginOf(address(this));
    }

    function _obligation(address creditor, uint256 amount, bytes32 id)
        private
        view
        returns (IClearing.Obligation memory)
    {
        return IClearing.Obligation(address(this), creditor, asset, amount, 0, id);
    }
}
