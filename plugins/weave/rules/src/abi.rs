//! The weave engine's Solidity interface, and the part of ERC-20 that it uses.
//!
//! For guests and hosts alike. Times are Unix seconds, heights are blocks of the chain they are said of, amounts are in the
//! smallest unit, kinds are those of [`crate::unit::Kind`]: 1 asset, 2 permission, 3 behaviour.
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
    /// Rights and assets of one chain take effect on another, by proof.
    interface Weave {
        /// A right or an asset of one chain, as it is proven to others.
        struct StateUnit {
            uint8 version;
            uint8 kind;
            /// Chain id of where it was issued, and the weave engine there.
            uint64 origin;
            address issuer;
            address owner;
            /// Which right; of an asset its `assetId`.
            bytes32 key;
            /// Tells apart the units of one owner and key. 0 for rights: an owner has one of a key.
            uint64 serial;
            /// The one chain where it takes effect; 0: everywhere, but it does not vote.
            uint64 destination;
            uint256 value;
            /// Block of the origin since which it is as it says.
            uint64 issued;
            /// Greater in whatever the engine issues or changes later.
            uint64 nonce;
            /// From then on it is void; 0: never.
            uint64 expiry;
        }

        /// That the origin's state has a unit, or does not.
        struct Proof {
            /// A height of the origin whose root is certified here.
            uint64 height;
            /// Nodes of `eth_getProof`, joined: the origin's weave engine in the state.
            bytes accountProof;
            /// The same of the unit's slot (`slotOf`) in that account.
            bytes storageProof;
        }

        /// A validator, with the proof that it has its secret key.
        /// One whose key was proven by `proveKeys` needs none.
        struct Member { bytes key; uint64 weight; address owner; bytes possession; }

        /// A key with the proof that somebody has its secret key.
        struct KeyProof { bytes key; bytes possession; }

        /// A chain that is believed, what it calls its weave engine, and how many blocks a root may lie behind its newest.
        struct OriginConfig { uint64 chainId; address engine; uint64 maxLag; }

        /// What `init` is given, ABI-encoded. The committee, if it has members, is that of each origin.
        struct Config {
            address governor;
            /// A bond leaves this long after it was asked back: time to report what it answers for.
            uint64 unbondSeconds;
            /// What a reporter gets of a slashed bond.
            uint16 rewardBps;
            OriginConfig[] origins;
            uint64 epoch;
            Member[] committee;
        }

        /// How a unit of an origin counts here.
        struct Rule {
            /// The right that it gives here; of an asset the same as the key.
            bytes32 localKey;
            /// How long ago the root of a proof may have been certified here; 0: any time.
            uint64 maxStaleness;
            /// How long a right lasts after its last proof; 0: as long as the unit says.
            uint64 expiryCap;
            /// Most of an asset that may be here at once; 0: no limit.
            uint256 cap;
        }

        /// An origin as it is known here.
        struct Origin { address engine; uint64 maxLag; uint64 epoch; bytes32 committeeRoot; uint64 latestHeight; bool frozen; }

        /// A right that was proven here.
        struct Right {
            uint256 value;
            uint64 destination;
            uint64 issued;
            uint64 nonce;
            uint64 expiry;
            /// Height of the origin at which it was last proven, and when that was.
            uint64 provenHeight;
            uint64 provenAt;
            /// Height of the origin at which it was proven to be gone; 0: it was not.
            uint64 endedHeight;
        }

        event UnitIssued(bytes32 indexed id, address indexed owner, bytes32 indexed key, StateUnit unit);
        event UnitRevoked(bytes32 indexed id, address indexed owner, bytes32 indexed key, uint64 nonce);
        event IssuerSet(uint8 indexed kind, bytes32 indexed key, address issuer, bool transferable);
        event GovernorSet(address governor);
        event OriginSet(uint64 indexed chainId, address engine, uint64 maxLag);
        event CommitteeSet(uint64 indexed chainId, uint64 indexed epoch, bytes32 committeeRoot, uint64 members);
        event KeyProven(bytes key);
        event RuleSet(uint64 indexed origin, uint8 indexed kind, bytes32 indexed key, Rule rule);
        event RuleRemoved(uint64 indexed origin, uint8 indexed kind, bytes32 indexed key);
        event RootCertified(uint64 indexed chainId, uint64 indexed height, bytes32 blockHash, bytes32 stateRoot);
        /// Its committee certified two blocks of one height: nothing of it counts until the governor decides.
        event OriginFrozen(uint64 indexed chainId, uint64 indexed height, bytes32 blockHash, bytes32 conflicting);
        event OriginUnfrozen(uint64 indexed chainId);
        event RightAccepted(uint64 indexed origin, address indexed owner, bytes32 indexed key, uint8 kind, uint256 value, uint64 nonce, uint64 height);
        event RightEnded(uint64 indexed origin, address indexed owner, bytes32 indexed key, uint8 kind, uint64 nonce, uint64 height);
        event Locked(bytes32 indexed id, bytes32 indexed asset, address indexed from, address token, uint64 destination, uint256 amount);
        event Minted(bytes32 indexed id, bytes32 indexed asset, address indexed to, uint64 origin, uint256 amount);
        event Burnt(bytes32 indexed id, bytes32 indexed asset, address indexed from, uint64 destination, uint256 amount);
        event Unlocked(bytes32 indexed id, bytes32 indexed asset, address indexed to, uint64 origin, uint256 amount);
        event AssetTransferred(bytes32 indexed asset, address indexed from, address indexed to, uint256 amount);
        event SnapshotPinned(address indexed pinner, bytes32 indexed proposal, uint64[] origins, uint64[] heights);
        event Bonded(address indexed owner, uint256 amount, uint256 bond);
        event UnbondingBegun(address indexed owner, uint64 withdrawableAt);
        event BondWithdrawn(address indexed owner, uint256 amount);
        event Slashed(address indexed owner, address indexed reporter, uint64 indexed chainId, uint64 height, uint64 member, uint256 amount, uint256 reward);

        error Unauthorized(address caller);
        error UnknownKind(uint8 kind);
        error UnknownVersion(uint8 version);
        error ZeroAmount();
        error ZeroAccount();
        error TooMany(uint64 most);
        /// Issued already: renew it, or revoke it first.
        error AlreadyIssued(bytes32 id);
        error NotIssued(bytes32 id);
        error NotTransferable(uint8 kind, bytes32 key);
        /// Assets are issued by `lock` and `burn` alone.
        error NotIssuable(uint8 kind);

        error UnknownOrigin(uint64 chainId);
        /// The chain cannot be an origin of itself.
        error OwnChain();
        error NoCommittee(uint64 chainId);
        error EpochNotLater(uint64 epoch, uint64 current);
        error BadCommitteeSize(uint64 members, uint64 most);
        error BadKey(uint64 member);
        error NoWeight(uint64 member);
        /// A key that is in the committee twice would count twice.
        error DuplicateSigner(uint64 member);
        /// The member did not prove that it has its secret key: it may be a rogue key.
        error BadPossession(uint64 member);

        error MalformedCertificate();
        error UnknownFinality(uint8 finality);
        error WrongEpoch(uint64 epoch, uint64 expected);
        error WrongCommittee(bytes32 committeeRoot);
        error UnknownSigner(uint64 member);
        error UnderQuorum(uint128 signed, uint128 total);
        /// Not a signature of these members, of this message, in this domain.
        error BadSignature();
        /// Another block of this height is certified: `submitRoots` freezes the origin.
        error ReorganisedSource(uint64 chainId, uint64 height);
        error OriginIsFrozen(uint64 chainId);
        error NotFrozen(uint64 chainId);

        error NoRule(uint64 origin, uint8 kind, bytes32 key);
        error UncertifiedRoot(uint64 chainId, uint64 height);
        /// Too far behind the newest root of the origin, or certified too long ago.
        error StaleRoot(uint64 chainId, uint64 height);
        error BadAccountProof(string reason);
        error BadStorageProof(string reason);
        /// The origin's state does not have the unit as it is given here.
        error NotCommitted(bytes32 id);
        error WrongChain(uint64 destination, uint64 chainId);
        error WrongIssuer(address issuer, address expected);
        error Expired(uint64 expiry, uint64 timestamp);
        /// Issued after the block that is to prove it.
        error FutureUnit(uint64 issued, uint64 height);
        /// A later version of the unit is known, or that it is gone.
        error Replay(bytes32 id, uint64 nonce);
        /// Proven at this height or later already.
        error Duplicate(bytes32 id, uint64 height);
        error NoRight(uint64 origin, uint8 kind, address owner, bytes32 key);
        error AlreadyEnded(bytes32 id);
        /// The proof is not of a later block than what is known.
        error NotLater(uint64 height, uint64 known);
        /// The unit is as it was.
        error StillCommitted(bytes32 id);

        error UnknownAsset(bytes32 asset);
        error AssetHasOtherHome(bytes32 asset, uint64 home);
        error WrongLocalKey(bytes32 asset);
        error WrongValue(uint256 sent, uint256 amount);
        /// The token moved another amount than it was told to.
        error TokenAmountDiffers(address token, uint256 moved, uint256 amount);
        error TokenRefused(address token);
        error AlreadyMinted(bytes32 id);
        error AlreadyUnlocked(bytes32 id);
        error CapExceeded(bytes32 asset, uint256 minted, uint256 amount, uint256 cap);
        /// More would come back from that chain than went there.
        error BeyondLocked(bytes32 asset, uint64 chainId, uint256 locked, uint256 amount);
        /// More would go back to that chain than came from there.
        error BeyondMinted(bytes32 asset, uint256 minted, uint256 amount);
        error InsufficientBalance(bytes32 asset, uint256 balance, uint256 amount);
        error Overflow();

        error AlreadyPinned(bytes32 proposal);
        error NotPinned(address pinner, bytes32 proposal);

        error NoContradiction();
        error AlreadyPunished();
        error NoBond(address owner);
        error NotUnbonding(address owner);
        error StillBonded(uint64 withdrawableAt);
        error PaymentFailed(address to);

        // The governor's.
        function setGovernor(address governor) external;
        function setOrigin(uint64 chainId, address engine, uint64 maxLag) external;
        function setCommittee(uint64 chainId, uint64 epoch, Member[] members) external;
        function setRule(uint64 origin, uint8 kind, bytes32 key, Rule rule) external;
        function removeRule(uint64 origin, uint8 kind, bytes32 key) external;
        function unfreeze(uint64 chainId) external;
        /// Who may issue a right; the zero address: the governor.
        function setIssuer(uint8 kind, bytes32 key, address issuer, bool transferable) external;

        // Of this chain's own units.
        function issue(uint8 kind, address owner, bytes32 key, uint256 value, uint64 destination, uint64 expiry) external returns (bytes32 id);
        function renew(uint8 kind, address owner, bytes32 key, uint256 value, uint64 destination, uint64 expiry) external returns (bytes32 id);
        function revoke(uint8 kind, address owner, bytes32 key) external;
        /// The owner gives a right away, whole.
        function transfer(uint8 kind, bytes32 key, address to) external returns (bytes32 id);

        // Of other chains' roots and units. An empty certificate: the root is certified here already.
        /// Gives how many were new.
        function submitRoots(bytes[] certificates) external returns (uint256 recorded);
        /// Proves keys ahead, by anyone: a large committee's possessions do not fit into one transaction. Gives how many were new.
        function proveKeys(KeyProof[] proofs) external returns (uint256 recorded);
        /// The old committee names the next by its quorum.
        function handover(uint64 chainId, uint64 epoch, Member[] members, bytes bitmap, bytes signature) external;
        function accept(StateUnit unit, Proof proof, bytes certificate) external;
        /// Anybody ends a right whose unit is gone or changed at a later height.
        function end(uint64 origin, uint8 kind, address owner, bytes32 key, Proof proof, bytes certificate) external;

        // Assets. The zero token is wei.
        function lock(address token, uint256 amount, uint64 destination, address recipient) external payable returns (bytes32 id);
        function mint(StateUnit unit, Proof proof, bytes certificate) external;
        function transferAsset(bytes32 asset, address to, uint256 amount) external;
        function burn(bytes32 asset, uint256 amount, address recipient) external returns (bytes32 id);
        function unlock(StateUnit unit, Proof proof, bytes certificate) external;

        // Votes. Whoever pins names the proposal; heights are those certified here now.
        function pinSnapshot(bytes32 proposal, uint64[] origins) external;
        function votes(address pinner, bytes32 proposal, address owner, bytes32 key) external view returns (uint256);

        // Bonds.
        function bond() external payable;
        function unbond() external;
        function withdrawBond() external;
        function submitEvidence(bytes evidence) external;

        function permission(address owner, bytes32 key) external view returns (bool);
        /// The sum of what counts here, and when the first of it expires; 0: never.
        function standing(uint8 kind, address owner, bytes32 key) external view returns (uint256 value, uint64 expiry);
        function balanceOf(address owner, bytes32 asset) external view returns (uint256);
        function unitOf(bytes32 id) external view returns (StateUnit);
        function rightUnitOf(uint8 kind, address owner, bytes32 key) external view returns (StateUnit);
        function unitId(StateUnit unit) external pure returns (bytes32);
        function slotOf(bytes32 id) external pure returns (bytes32);
        function assetId(uint64 home, address token) external pure returns (bytes32);
        function rightOf(uint64 origin, uint8 kind, address owner, bytes32 key) external view returns (Right);
        function ruleOf(uint64 origin, uint8 kind, bytes32 key) external view returns (Rule);
        function originOf(uint64 chainId) external view returns (Origin);
        /// Zero where none is certified.
        function rootOf(uint64 chainId, uint64 height) external view returns (bytes32 stateRoot, bytes32 blockHash, uint64 certifiedAt);
        /// In the encoding that its root is the hash of.
        function committeeOf(uint64 chainId, uint64 epoch) external view returns (bytes);
        /// What is locked here for a chain, and what of an asset is here from its home.
        function lockedFor(uint64 destination, bytes32 asset) external view returns (uint256);
        function mintedOf(bytes32 asset) external view returns (uint256);
        function isConsumed(bytes32 id) external view returns (bool);
        function snapshotOf(address pinner, bytes32 proposal) external view returns (uint64[] origins, uint64[] heights, uint64 pinnedAt);
        function isProven(bytes key) external view returns (bool);
        function bondOf(address owner) external view returns (uint256 amount, uint64 withdrawableAt);
        function governor() external view returns (address);
    }

    /// What of ERC-20 is used.
    interface IERC20 {
        function transfer(address to, uint256 amount) external returns (bool);
        function transferFrom(address from, address to, uint256 amount) external returns (bool);
        function balanceOf(address account) external view returns (uint256);
    }
}
