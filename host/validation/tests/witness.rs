//! Blocks verified from their witnesses alone, and every way of tampering with one refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::{collections::BTreeMap, fs, path::Path, sync::OnceLock};

use alloy_primitives::{Address, Bytes, TxKind, U256, hex, keccak256};
use alloy_rlp::Decodable;
use alloy_sol_types::SolCall;
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_state::{Leftover, Witness, WitnessError};
use caldera_testkit::{PROBE, component, deployer, engines};
use caldera_types::{Block, Component, Digest, EngineLimits, Grants, TxReceipt};
use caldera_validation::{VerifyError, WitnessFile, verify};
use probe_engine::IProbe;
use proptest::prelude::*;
use support::*;

/// The setter and the hasher, deployed in a block of their own.
fn contracts(world: &mut World) -> (Address, Address) {
    let deploys = [
        world.send(1, TxKind::Create, 0, GAS, deployer(&SETTER)),
        world.send(1, TxKind::Create, 0, GAS, deployer(&HASHER)),
    ];
    let made = world.block(&deploys, &[]);
    accepted(world, &made);
    (created(&made, 0), created(&made, 1))
}

fn accepted(world: &World, made: &Made) {
    let verified = world.verify(&made.block, &made.witness).unwrap();
    assert_eq!(verified.block_hash, made.block.hash());
    assert_eq!(verified.state_root, made.block.header.state_root);
    assert_eq!(verified.receipts_root, made.block.header.receipts_root);
    let encoded = made.witness.encode();
    assert_eq!(encoded.len(), made.witness.encoded_bytes());
    assert_eq!(Witness::decode(&encoded).unwrap(), made.witness);
}

fn set(key: &[u8], value: &[u8]) -> Vec<u8> {
    IProbe::setCall { key: key.to_vec().into(), value: value.to_vec().into() }.abi_encode()
}

#[test]
fn slots_that_come_and_go_are_verified() {
    let mut world = World::new(&[]);
    let (setter, _) = contracts(&mut world);
    // So many that branches have branches; then most go, so that branches collapse into what stays.
    let keys: Vec<u64> = (0..120).collect();
    let writes: Vec<_> = keys.iter().map(|key| world.call(2, setter, words(&[*key, key + 1]))).collect();
    let made = world.block(&writes, &[]);
    accepted(&world, &made);
    for keep in [60, 30, 7, 2, 1, 0] {
        let removals: Vec<_> = (keep..120).map(|key| world.call(3, setter, words(&[key, 0]))).collect();
        let made = world.block(&removals, &[]);
        accepted(&world, &made);
    }
    let made = world.block(&[], &[]);
    accepted(&world, &made);
}

#[test]
fn hashes_of_old_blocks_are_proven_by_headers() {
    let mut world = World::new(&[]);
    let (_, hasher) = contracts(&mut world);
    for _ in 0..6 {
        world.block(&[], &[]);
    }
    // So many blocks back; none of the future, which is zero and needs no header.
    for (back, headers) in [(Some(1), 1), (Some(2), 2), (Some(5), 5), (None, 1)] {
        let asked = back.map_or(u64::MAX, |back| world.head.header.number + 1 - back);
        let tx = world.call(2, hasher, words(&[asked]));
        let made = world.block(&[tx], &[]);
        accepted(&world, &made);
        assert_eq!(made.witness.headers.len(), headers, "block {} asked for {asked}", made.block.header.number);
    }
}

#[test]
fn engines_hooks_faults_and_swaps_are_verified() {
    let mut world = World::new(&["probe-v1"]);
    let trap = IProbe::trapCall {}.abi_encode();
    let calls = [
        world.call(1, PROBE, set(b"a", b"short")),
        world.call(2, PROBE, set(b"b", &[7; 200])),
        world.call(3, PROBE, trap),
        world.send(4, TxKind::Call(Address::repeat_byte(0x77)), 5, 21_000, Bytes::new()),
    ];
    let made = world.block(&calls, &[]);
    accepted(&world, &made);
    assert_eq!(made.witness.components, [component("probe-v1").digest()]);
    let calls = [world.call(1, PROBE, set(b"b", b"")), world.call(1, PROBE, set(b"a", b""))];
    let made = world.block(&calls, &[]);
    accepted(&world, &made);
    let next = component("probe-v2");
    let stage = abi::stageCall {
        digest: next.digest().0,
        size: u32::try_from(next.bytes().len()).unwrap(),
        grants: Grants::ALL.bits(),
        limits: EngineLimits::recommended().into(),
    };
    let arm = abi::armCall {
        mount: PROBE,
        digest: next.digest().0,
        height: world.head.header.number + 3,
        config: Bytes::new(),
        probation: caldera_types::ProbationRule::NONE.into(),
    };
    let road = [
        world.send(0, TxKind::Call(registry::ADDRESS), 0, 10_000_000, stage.abi_encode()),
        world.call(0, registry::ADDRESS, arm.abi_encode()),
    ];
    let made = world.block(&road, std::slice::from_ref(&next));
    assert!(made.receipts.iter().all(TxReceipt::succeeded));
    accepted(&world, &made);
    // A fresh runtime has nothing compiled: what runs comes from the witness's file.
    for _ in 0..4 {
        let tx = world.call(1, PROBE, set(b"c", b"later"));
        let made = world.block(&[tx], &[]);
        accepted(&world, &made);
        let components: BTreeMap<_, _> =
            made.witness.components.iter().map(|digest| (*digest, logged(&world, digest))).collect();
        let file = WitnessFile { rules: world.rules, witness: made.witness.clone(), components };
        let file = WitnessFile::decode(&file.encode()).unwrap();
        verify(&file.rules, &made.block, &file.witness, &engines(), &file.components).unwrap();
        let bare = BTreeMap::<Digest, Component>::new();
        let refused = verify(&file.rules, &made.block, &file.witness, &engines(), &bare).unwrap_err();
        assert!(matches!(refused, VerifyError::MissingComponent(_)), "{refused}");
    }
    assert_eq!(registry::mounts(&world.state.flat()).unwrap()[0].generation, 2);
}

fn logged(world: &World, digest: &Digest) -> Component {
    world.state.component(*digest).unwrap().unwrap()
}

/// A block that reads some of everything.
struct Sample {
    world: World,
    made: Made,
}

// Only read once made; what a state shares between threads has locks.
fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let mut world = World::new(&["probe-v1"]);
        let (setter, hasher) = contracts(&mut world);
        let writes: Vec<_> = (0..40).map(|key| world.call(2, setter, words(&[key, 9]))).collect();
        world.block(&writes, &[]);
        let asked = world.head.header.number - 1;
        let calls = [
            world.call(1, PROBE, set(b"key", b"value")),
            world.call(2, setter, words(&[3, 0])),
            world.call(2, setter, words(&[4, 5])),
            world.call(3, hasher, words(&[asked])),
            world.send(4, TxKind::Call(Address::repeat_byte(0x77)), 5, 21_000, Bytes::new()),
        ];
        let made = world.block(&calls, &[]);
        accepted(&world, &made);
        assert!(made.witness.headers.len() > 1 && made.witness.codes.len() > 1 && made.witness.nodes.len() > 20);
        Sample { world, made }
    })
}

#[test]
fn what_is_missing_or_too_much_has_a_name() {
    let Sample { world, made } = sample();
    let check = |edit: &dyn Fn(&mut Witness), want: &dyn Fn(&VerifyError) -> bool| {
        let mut witness = made.witness.clone();
        edit(&mut witness);
        let refused = world.verify(&made.block, &witness).unwrap_err();
        assert!(want(&refused), "{refused:?}");
    };
    for place in 0..made.witness.nodes.len() {
        let hash = keccak256(&made.witness.nodes[place]);
        check(&|w| drop(w.nodes.remove(place)), &|e| match e {
            VerifyError::MissingNode(missing) | VerifyError::Witness(WitnessError::NoRoot(missing)) => *missing == hash,
            _ => false,
        });
    }
    for place in 0..made.witness.codes.len() {
        let hash = keccak256(&made.witness.codes[place]);
        check(
            &|w| drop(w.codes.remove(place)),
            &|e| matches!(e, VerifyError::MissingCode(missing) if *missing == hash),
        );
    }
    let junk = Bytes::from_static(b"junk");
    let put = |items: &mut Vec<Bytes>, item: Bytes| {
        items.push(item);
        items.sort_by_key(|item| keccak256(item));
    };
    check(&|w| put(&mut w.nodes, junk.clone()), &|e| matches!(e, VerifyError::Leftover(Leftover::Node(_))));
    check(&|w| put(&mut w.codes, junk.clone()), &|e| matches!(e, VerifyError::Leftover(Leftover::Code(_))));
    check(&|w| w.nodes.swap(0, 1), &|e| matches!(e, VerifyError::Witness(WitnessError::Unordered { .. })));
    check(&|w| w.headers.clear(), &|e| matches!(e, VerifyError::Ancestor { .. }));
    check(&|w| drop(w.headers.pop()), &|e| matches!(e, VerifyError::MissingHeader(_)));
    let older = world.state.header(made.witness.headers.last().unwrap().number - 1).unwrap().unwrap().1;
    check(&|w| w.headers.push(older.clone()), &|e| matches!(e, VerifyError::Leftover(Leftover::Header(_))));
    check(&|w| w.components.clear(), &|e| matches!(e, VerifyError::Components(_)));
    check(&|w| w.components.insert(0, Digest::default()), &|e| matches!(e, VerifyError::Components(_)));
}

#[test]
fn another_chain_is_not_this_one() {
    let Sample { world, made } = sample();
    let check = |rules| verify(&rules, &made.block, &made.witness, &world.engines, &Logged(&world.state)).unwrap_err();
    let mut rules = world.rules;
    rules.chain_id += 1;
    assert!(matches!(check(rules), VerifyError::Invalid(_)));
    for gas_limit in [0, 1, world.rules.gas_limit - 1] {
        assert!(matches!(
            check(caldera_validation::ChainRules { gas_limit, ..world.rules }),
            VerifyError::GasLimit { .. }
        ));
    }
    rules = world.rules;
    rules.beneficiary = Address::ZERO;
    check(rules);
}

/// Whether this is refused, or is the block of another second: that is the builder's choice, and has another hash.
fn is_no_other_block(block: &Block) -> bool {
    let Sample { world, made } = sample();
    let Ok(verified) = world.verify(block, &made.witness) else { return true };
    let mut as_made = block.clone();
    as_made.header.timestamp = made.block.header.timestamp;
    as_made == *made.block && verified.block_hash != made.block.hash()
}

/// Every bit of a block: nothing but the block is accepted with its witness.
#[test]
fn no_bit_of_a_block_can_be_another() {
    let made = &sample().made;
    let good = alloy_rlp::encode(&*made.block);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            let Ok(block) = Block::decode(&mut bytes.as_slice()) else { continue };
            if block != *made.block && !is_no_other_block(&block) {
                panic!("byte {at}, bit {bit} of {}: {:#?}\nand not\n{:#?}", hex::encode(&good), block, *made.block);
            }
        }
    }
}

/// The smallest block that reads something, and its witness, as they were when the layout was fixed.
#[test]
fn the_encoding_is_as_pinned() {
    let mut world = World::new(&[]);
    let (setter, hasher) = contracts(&mut world);
    let calls = [world.call(2, setter, words(&[1, 2])), world.call(3, hasher, words(&[0]))];
    let made = world.block(&calls, &[]);
    accepted(&world, &made);
    let pinned = |name: &str, bytes: &[u8]| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&path, hex::encode(bytes) + "\n").unwrap();
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            hex::decode(text.trim()).is_ok_and(|pinned| pinned == bytes),
            "{} is not what is written now; kept witnesses must stay readable",
            path.display()
        );
    };
    pinned("block.hex", &alloy_rlp::encode(&*made.block));
    pinned("witness.hex", &made.witness.encode());
}

/// What can be done to a list of things.
#[derive(Clone, Debug)]
enum Tamper {
    Flip(prop::sample::Index, prop::sample::Index, u8),
    Drop(prop::sample::Index),
    Repeat(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Replace(prop::sample::Index, Vec<u8>),
    Cut(prop::sample::Index, prop::sample::Index),
}

fn tamper() -> impl Strategy<Value = Tamper> {
    use prop::sample::Index;
    prop_oneof![
        (any::<Index>(), any::<Index>(), 0u8..8).prop_map(|(a, b, c)| Tamper::Flip(a, b, c)),
        any::<Index>().prop_map(Tamper::Drop),
        any::<Index>().prop_map(Tamper::Repeat),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Tamper::Swap(a, b)),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 0..80)).prop_map(|(a, b)| Tamper::Replace(a, b)),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Tamper::Cut(a, b)),
    ]
}

/// Does it; with `sorted` the list is put in order again, as a careful forger would.
fn apply(items: &mut Vec<Bytes>, tamper: &Tamper, sorted: bool) {
    let edited = |item: &Bytes, edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = item.to_vec();
        edit(&mut bytes);
        Bytes::from(bytes)
    };
    let at = |index: &prop::sample::Index| index.index(items.len());
    match tamper {
        Tamper::Flip(item, byte, bit) => {
            let item = at(item);
            items[item] = edited(&items[item], &|bytes| {
                if !bytes.is_empty() {
                    let byte = byte.index(bytes.len());
                    bytes[byte] ^= 1 << bit;
                }
            });
        }
        Tamper::Drop(item) => drop(items.remove(at(item))),
        Tamper::Repeat(item) => items.push(items[at(item)].clone()),
        Tamper::Swap(one, other) => {
            let (one, other) = (at(one), at(other));
            items.swap(one, other);
        }
        Tamper::Replace(item, bytes) => {
            let item = at(item);
            items[item] = bytes.clone().into();
        }
        Tamper::Cut(item, keep) => {
            let item = at(item);
            items[item] = edited(&items[item], &|bytes| bytes.truncate(keep.index(bytes.len() + 1)));
        }
    }
    if sorted {
        items.sort_by_key(|item| keccak256(item));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever is done to the nodes or the codes of a witness, it is refused.
    #[test]
    fn a_tampered_witness_is_refused(codes in any::<bool>(), how in prop::collection::vec(tamper(), 1..3), sorted in any::<bool>()) {
        let Sample { world, made } = sample();
        let mut witness = made.witness.clone();
        let items = if codes { &mut witness.codes } else { &mut witness.nodes };
        how.iter().for_each(|how| if !items.is_empty() { apply(items, how, sorted) });
        prop_assume!(witness != made.witness);
        let refused = world.verify(&made.block, &witness);
        prop_assert!(refused.is_err(), "{:?}", refused);
        prop_assert!(!matches!(refused, Err(VerifyError::Node(_))), "the blame is the witness's: {:?}", refused);
    }

    /// Flipped bits and cuts of the bytes, before anything is read.
    #[test]
    fn tampered_bytes_are_refused(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4), cut in prop::option::of(any::<prop::sample::Index>())) {
        let Sample { world, made } = sample();
        let mut bytes = made.witness.encode();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(witness) = Witness::decode(&bytes) {
            prop_assume!(witness != made.witness);
            prop_assert!(world.verify(&made.block, &witness).is_err());
        }
    }

    /// The same for the block: nothing but the block is accepted with its witness.
    #[test]
    fn a_tampered_block_is_refused(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..3)) {
        let made = &sample().made;
        let mut bytes = alloy_rlp::encode(&*made.block);
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Ok(block) = Block::decode(&mut bytes.as_slice()) {
            prop_assume!(block != *made.block);
            prop_assert!(is_no_other_block(&block));
        }
    }

    /// Nodes with any value in the place of another's slot: a careful forger makes nodes that read well and lie.
    #[test]
    fn a_changed_slot_is_refused(place in any::<prop::sample::Index>(), word in any::<[u8; 32]>()) {
        let Sample { world, made } = sample();
        let mut witness = made.witness.clone();
        let place = place.index(witness.nodes.len());
        let leaf: Vec<Bytes> = vec![vec![0x20; 33].into(), alloy_rlp::encode(U256::from_be_bytes(word)).into()];
        witness.nodes[place] = alloy_rlp::encode(leaf).into();
        prop_assume!(witness != made.witness);
        witness.nodes.sort_by_key(|item| keccak256(item));
        prop_assert!(world.verify(&made.block, &witness).is_err());
    }
}
