//! The clearing engine's Solidity interface, the same for all its versions, and the part of ERC-20 that it uses.
//!
//! For guests and hosts alike: it needs alloy only. Amounts are in the smallest unit of their token, prices in US dollars per
//! whole collateral token with [`crate::PRICE_DECIMALS`] decimals, rates in basis points, heights in blocks, `due` in
//! Unix seconds.
#![allow(missing_docs, reason = "the items are documented where they are written, in Solidity")]

/// `sol!`; natively with a module `abi` for each interface, from which the ABI file is written and checked.
macro_rules! solidity {
    ($($text:tt)*) => {
        #[cfg(not(target_arch = "wasm32"))]
        alloy_sol_types::sol! { #![sol(abi, all_derives)] $($text)* }
        #[cfg(target_arch = "wasm32")]
        alloy_sol_types::sol! { #![sol(all_derives)] $($text)* }
    };
}

solidity! {
    /// Multilateral netting with a default waterfall.
    interface Clearing {
        /// What `init` is given, ABI-encoded.
        struct Config {
            /// Names the other accounts.
            address governor;
            /// May submit for participants and close a cycle.
            address operator;
            /// Says what the collateral is worth.
            address priceAccount;
            /// Buys a defaulter's collateral at the cycle's price; must have approved the engine for the settlement asset.
            address liquidator;
            /// The ERC-20 that obligations are in and paid with.
            address settlementAsset;
            uint8 settlementDecimals;
            /// The ERC-20 that margin may be posted in besides, a BTC token.
            address collateralAsset;
            uint8 collateralDecimals;
            /// What is taken off the collateral's price when margin is valued.
            uint16 haircutBps;
            /// Margin that a participant must have, of what it owes in the open cycle.
            uint16 maintenanceBps;
            /// A cycle closes after this many blocks by itself; 0: only on call.
            uint64 cycleBlocks;
            /// Blocks to cure a margin call.
            uint64 marginCallBlocks;
        }

        /// `debtor` owes `amount` to `creditor`.
        struct Obligation {
            address debtor;
            address creditor;
            /// The settlement asset; no other is accepted.
            address asset;
            /// 1 to 2^96 - 1.
            uint256 amount;
            /// Unix seconds, later than the block; 0: when the cycle closes. Recorded; the obligation nets in the open cycle.
            uint64 due;
            /// The debtor's own name for it. A debtor uses each once.
            bytes32 referenceId;
        }

        /// Where a cycle stands. It only goes forward.
        enum Phase { None, Open, Netting, Collecting, Waterfall, Paying, Settled }

        /// A cycle's figures, in units of the settlement asset.
        struct Cycle {
            Phase phase;
            /// Obligations taken in.
            uint64 obligations;
            /// Sum of all obligations.
            uint256 gross;
            /// Sum of all net debits, which is the sum of all net credits. Final from `Collecting` on.
            uint256 net;
            /// Participants registered when the cycle closed.
            uint32 participants;
            /// Block in which it closed.
            uint64 closedAt;
            /// Price at which it closed.
            uint256 price;
            /// Paid in by net debtors.
            uint256 collected;
            /// Layer 1: defaulters' margin in the settlement asset.
            uint256 fromMargin;
            /// Layer 2: defaulters' collateral, sold.
            uint256 fromCollateral;
            /// Layer 3: the default fund.
            uint256 fromFund;
            /// Layer 4: borne by the net creditors, pro rata.
            uint256 mutualised;
            /// Paid out to net creditors, or put into their margin where the token refused.
            uint256 paid;
            /// Participants that defaulted.
            uint32 defaults;
        }

        /// A participant's standing.
        struct Participant {
            bool registered;
            bool suspended;
            /// Last block in which an open margin call can be cured; 0: none is open.
            uint64 callDeadline;
        }

        event Registered(address indexed participant, uint32 number);
        event MarginPosted(address indexed participant, address indexed asset, uint256 amount);
        event MarginWithdrawn(address indexed participant, address indexed asset, uint256 amount);
        event DefaultFundContributed(address indexed contributor, uint256 amount);
        event ObligationSubmitted(uint64 indexed cycle, address indexed debtor, address indexed creditor, uint256 amount, uint64 due, bytes32 referenceId);
        event PriceSet(uint256 price);
        event OperatorSet(address operator);
        event PriceAccountSet(address priceAccount);
        event LiquidatorSet(address liquidator);
        event MarginCalled(address indexed participant, uint256 value, uint256 requirement, uint64 deadline);
        event MarginCured(address indexed participant, uint256 value, uint256 requirement);
        /// The cycle takes no more obligations; the next one does.
        event CycleClosing(uint64 indexed cycle, uint64 obligations, uint256 gross, uint256 price);
        event CycleNetted(uint64 indexed cycle, uint256 gross, uint256 net);
        event Collected(uint64 indexed cycle, address indexed participant, uint256 amount);
        /// A net debtor did not pay `shortfall`; the four layers add up to it.
        event Defaulted(uint64 indexed cycle, address indexed participant, uint256 shortfall, uint256 fromMargin, uint256 fromCollateral, uint256 fromFund, uint256 mutualised);
        event Suspended(address indexed participant);
        event Reinstated(address indexed participant);
        event CollateralSold(uint64 indexed cycle, address indexed participant, address indexed liquidator, uint256 collateral, uint256 proceeds);
        event LossShared(uint64 indexed cycle, address indexed creditor, uint256 amount);
        /// `toMargin`: the token refused the transfer, so the amount is in the participant's margin.
        event Paid(uint64 indexed cycle, address indexed participant, uint256 amount, bool toMargin);
        event CycleSettled(uint64 indexed cycle, uint256 collected, uint256 paid, uint256 mutualised);

        /// The caller may not do this.
        error Unauthorized(address caller);
        error AlreadyRegistered(address participant);
        error NotRegistered(address account);
        error TooManyParticipants(uint32 most);
        error ParticipantSuspended(address participant);
        error NotSuspended(address participant);
        error SelfObligation(address participant);
        error UnsupportedAsset(address asset);
        error ZeroAmount();
        error AmountTooLarge(uint256 amount, uint256 most);
        error DueInPast(uint64 due, uint64 nowSeconds);
        error DuplicateReference(address debtor, bytes32 referenceId);
        error EmptyBatch();
        /// A cycle is closing: margin stays where it is, and the next close waits.
        error CycleIsClosing(uint64 cycle);
        error NothingToClose(uint64 cycle);
        error NoWork();
        /// Work steps need this much gas, so that a token call cannot be starved into a false default.
        error NotEnoughGas(uint64 have, uint64 need);
        error InsufficientMargin(address asset, uint256 have, uint256 asked);
        /// What would be left is worth less than the requirement.
        error MarginNeeded(uint256 value, uint256 requirement);
        error TransferFailed(address asset, address from, address to, uint256 amount);
        error NothingToClaim(address account);
        /// A token called back into the engine.
        error Reentrancy();
        /// Nets are known once the cycle is past `Netting` (version 2: always).
        error NotNetted(uint64 cycle);
        error UnknownCycle(uint64 cycle);

        function register() external;
        function postMargin(address asset, uint256 amount) external;
        function withdrawMargin(address asset, uint256 amount) external;
        function contributeToDefaultFund(uint256 amount) external;
        /// By the debtor, or by the operator.
        function submit(Obligation obligation) external;
        /// By the operator. All or nothing.
        function submitBatch(Obligation[] obligations) external;
        function setPrice(uint256 price) external;
        function setOperator(address operator) external;
        function setPriceAccount(address priceAccount) external;
        function setLiquidator(address liquidator) external;
        /// Lets a suspended participant back in. By the governor.
        function reinstate(address participant) external;
        /// Calls the listed participants whose margin is too low, and closes calls that are cured. By anyone.
        function callMargin(address[] participants) external;
        /// Closes the open cycle and opens the next. By the operator. The work is done from the next block on.
        function closeCycle() external;
        /// One step of the closing cycle's work, beside the one that each block does. By anyone. True: settled.
        function work() external returns (bool settled);
        /// Sends collateral that the caller bought and that the token refused to deliver.
        function claimCollateral() external returns (uint256 amount);

        function config() external view returns (Config);
        /// The cycle that takes obligations, and whether the one before it is still closing.
        function currentCycle() external view returns (uint64 open, bool closing);
        /// Block from which the open cycle closes by itself; 0: never.
        function closesAt() external view returns (uint64 height);
        function cycle(uint64 id) external view returns (Cycle);
        function netPosition(uint64 cycle, address participant) external view returns (int256 net, uint256 debit, uint256 credit);
        function lossOf(uint64 cycle, address participant) external view returns (uint256);
        /// What became of an obligation. `cycle` 0: unknown.
        function obligation(address debtor, bytes32 referenceId) external view returns (uint64 cycle, address creditor, uint256 amount, uint64 due);
        function participant(address account) external view returns (Participant);
        function participants() external view returns (address[]);
        function marginOf(address participant) external view returns (uint256 settlement, uint256 collateral);
        /// Margin in units of the settlement asset: collateral at the price after the haircut.
        function marginValue(address participant) external view returns (uint256);
        function requirement(address participant) external view returns (uint256);
        function defaultFund() external view returns (uint256);
        function price() external view returns (uint256 price, uint64 setAt);
        /// Collateral bought and not delivered.
        function claimable(address account) external view returns (uint256);
    }
}

solidity! {
    /// The part of EIP-20 that clearing uses. A token must answer `true`; one that answers nothing has failed.
    interface IERC20 {
        event Transfer(address indexed from, address indexed to, uint256 value);
        event Approval(address indexed owner, address indexed spender, uint256 value);

        function balanceOf(address account) external view returns (uint256);
        function transfer(address to, uint256 value) external returns (bool);
        function approve(address spender, uint256 value) external returns (bool);
        function allowance(address owner, address spender) external view returns (uint256);
        function transferFrom(address from, address to, uint256 value) external returns (bool);
    }
}
