//! The registry's Solidity interface. Operators, wallets and contracts call it like any other contract.

use alloy_sol_types::sol;

sol! {
    /// Where a chain keeps which engine runs at which address.
    #[derive(Debug, PartialEq, Eq)]
    interface IEngineRegistry {
        /// What one call of an engine may use.
        struct Limits {
            uint32 memoryPages;
            uint64 fuelPerCall;
            uint32 valueBytes;
            uint8 subcallDepth;
        }

        /// An engine at an address.
        struct MountInfo {
            address mount;
            bytes32 digest;
            uint8 grants;
            Limits limits;
            uint32 stateVersion;
            uint32 generation;
            bool beginBlock;
            bool endBlock;
            bytes config;
        }

        /// A component that passed its checks and can be armed.
        struct StagedInfo {
            bytes32 digest;
            uint8 grants;
            Limits limits;
            string name;
            string version;
            uint32 stateVersion;
            bool beginBlock;
            bool endBlock;
            uint64 stagedAt;
        }

        /// When a generation on probation goes back: see `arm`.
        struct ProbationRule {
            uint64 blocks;
            uint64 window;
            uint64 minCalls;
            uint64 faultsPerThousand;
        }

        /// A staged component that goes live at a height.
        struct ArmedInfo {
            address mount;
            bytes32 digest;
            uint64 height;
            bytes config;
            ProbationRule probation;
        }

        /// Where a mount stands on the road of a swap. `phase` is migrating, rolling-back, probation or frozen;
        /// `digest` is what is to go live (migrating), what did not (rolling-back), what comes back if the rule trips
        /// (probation) or zero (frozen); `done` of `total` is the migration's own account of itself, or calls and faults.
        struct SwapInfo {
            address mount;
            string phase;
            bytes32 digest;
            uint64 since;
            uint64 until;
            uint64 done;
            uint64 total;
            uint64 calls;
            uint64 faults;
            string reason;
        }

        /// How the last swap of a mount ended: `outcome` is final, reverted, failed or frozen, or empty if none has.
        struct LastSwapInfo {
            bytes32 digest;
            string outcome;
            uint64 height;
        }

        /// A component passed its checks.
        event Staged(bytes32 indexed digest, uint32 size, uint8 grants, string name, string version);
        /// A staged component will go live at a height.
        event Armed(address indexed mount, bytes32 indexed digest, uint64 height, ProbationRule probation);
        /// An armed component was called back.
        event Disarmed(address indexed mount, bytes32 indexed digest);
        /// A migration goes on in a later block; meanwhile the engine answers from the state as it was when it began.
        event MigrationProgress(address indexed mount, bytes32 indexed digest, uint32 step, uint64 done, uint64 total);
        /// A component went live, its state migrated or initialised.
        event Activated(address indexed mount, bytes32 indexed digest, uint32 generation, uint32 fromStateVersion, uint32 toStateVersion, uint64 gasUsed);
        /// A component did not go live; what stood there before still stands, untouched.
        event ActivationFailed(address indexed mount, bytes32 indexed digest, string reason);
        /// What a migration over several blocks wrote before it failed is undone.
        event RolledBack(address indexed mount, bytes32 indexed digest);
        /// A generation passed its probation, or another took its place: nothing goes back behind it.
        event Finalized(address indexed mount, bytes32 indexed digest, uint32 generation);
        /// The rule of a probation tripped: the generation before stands again, on the state as it was then.
        event Reverted(address indexed mount, bytes32 indexed from, bytes32 indexed to, uint32 generation, string reason);
        /// The rule of a probation tripped and the generation before cannot read the state: calls revert.
        event Frozen(address indexed mount, bytes32 indexed digest, string reason);
        /// A block hook failed; its writes were undone and the block went on.
        event HookFailed(address indexed mount, string hook, string reason);
        /// The registry has a new governor.
        event GovernanceTransferred(address indexed from, address indexed to);

        /// Only the governor may do this.
        error NotGovernor(address caller, address governor);
        /// The block's sidecar did not bring this component, nor did an earlier stage.
        error ComponentUnavailable(bytes32 digest);
        /// The component failed a check, which is named.
        error ComponentRejected(bytes32 digest, string reason);
        /// `size` is not the component's size in bytes.
        error SizeMismatch(uint32 size, uint32 actual);
        /// A grant bit stands for no interface.
        error UnknownGrants(uint8 grants);
        /// A limit is over what the chain allows.
        error LimitTooHigh(string limit);
        /// This digest was never staged.
        error NotStaged(bytes32 digest);
        /// An activation needs a later height.
        error HeightNotAhead(uint64 height, uint64 current);
        /// Another activation has this height; one block activates one engine.
        error HeightTaken(uint64 height);
        /// Something is armed for this mount; disarm it first.
        error AlreadyArmed(address mount, uint64 height);
        /// Nothing is armed for this mount.
        error NotArmed(address mount);
        /// This address cannot hold an engine: it is reserved or has other code.
        error AddressNotFree(address mount);
        /// The chain has all the mounts it can have.
        error TooManyMounts(uint256 most);
        /// The configuration is too long.
        error BadConfig(string reason);
        /// The rule cannot hold.
        error BadProbation(string reason);
        /// The mount is in the middle of a migration.
        error Busy(address mount, string phase);
        /// The mount is just that already: component, grants, limits and configuration.
        error NothingToChange(address mount);
        /// Nothing of the governor's is under way there.
        error NotMigrating(address mount);
        /// Told by an engine's own address: its state is being migrated, and only reads are answered meanwhile.
        error EngineMigrating(address mount, uint64 done, uint64 total);
        /// Told by an engine's own address: no generation fits its state until the governor activates one.
        error EngineFrozen(address mount);
        /// No engine is mounted there.
        error NotMounted(address mount);
        /// The zero address cannot govern.
        error ZeroGovernor();
        /// No such function, or arguments that do not decode.
        error BadCall(bytes4 selector);
        /// The registry takes no wei.
        error NotPayable();

        /// Checks, compiles and records a component whose bytes travel in the block's sidecar. Governor only.
        function stage(bytes32 digest, uint32 size, uint8 grants, Limits limits) external;
        /// Sets a staged component to go live at a mount before the first transaction of block `height`. `config` is
        /// for a new mount's `init`; for a mount that exists it is a new configuration, or empty to keep the old one.
        /// With `probation.blocks` not zero the generation before comes back when, within `window` blocks (zero: all of
        /// them), at least `minCalls` calls were made and `faultsPerThousand` of them faulted. Governor only.
        function arm(address mount, bytes32 digest, uint64 height, bytes config, ProbationRule probation) external;
        /// Ends a migration that takes several blocks; what it wrote is undone. Governor only.
        function abort(address mount) external;
        /// Calls back what is armed for a mount. Governor only.
        function disarm(address mount) external;
        /// Hands the registry to another governor. Governor only.
        function transferGovernance(address to) external;

        /// Who may stage and arm.
        function governor() external view returns (address);
        /// Every mount, by address.
        function mounts() external view returns (MountInfo[] memory);
        /// One mount.
        function mountAt(address mount) external view returns (MountInfo memory);
        /// One staged component.
        function stagedComponent(bytes32 digest) external view returns (StagedInfo memory);
        /// Every staged digest, in the order of staging.
        function stagedDigests() external view returns (bytes32[] memory);
        /// What is armed, by mount.
        function armed() external view returns (ArmedInfo[] memory);

        /// Every mount that is not simply active.
        function swaps() external view returns (SwapInfo[] memory);
        /// How the last swap of a mount ended. The event of that block says why.
        function lastSwap(address mount) external view returns (LastSwapInfo memory);

        /// The chain's own act before a block's transactions: reverts, activations, migrations and `begin-block` hooks. Nobody can call it.
        function beginBlock() external;
        /// The chain's own act after a block's transactions: `end-block` hooks. Nobody can call it.
        function endBlock() external;
    }
}
