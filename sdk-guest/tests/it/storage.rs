//! Map, List, Queue and Value against plain collections, side by side in one storage.

use std::collections::{BTreeMap, VecDeque};

use caldera_sdk::prelude::*;
use caldera_sdk::testing::TestHost;
use proptest::prelude::*;

storage! {
    /// Fields whose names begin each other, to see that they do not meet.
    struct Shelf {
        a: Map<Vec<u8>, u64>,
        aa: List<u64>,
        aaa: Queue<u64>,
        b as "aaaa": Value<u64>,
    }
}

#[derive(Clone, Debug)]
enum Act {
    MapSet(Vec<u8>, u64),
    MapRemove(Vec<u8>),
    ListPush(u64),
    ListPop,
    ListSet(u64, u64),
    ListSwapRemove(u64),
    QueuePush(u64),
    QueuePop,
    ValueSet(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let key = || prop::collection::vec(0u8..3, 0..3);
    // Zeros are common, because absent and zero are what can be mixed up.
    let number = || 0u64..4;
    prop_oneof![
        (key(), number()).prop_map(|(key, value)| Act::MapSet(key, value)),
        key().prop_map(Act::MapRemove),
        number().prop_map(Act::ListPush),
        Just(Act::ListPop),
        (number(), number()).prop_map(|(index, value)| Act::ListSet(index, value)),
        number().prop_map(Act::ListSwapRemove),
        number().prop_map(Act::QueuePush),
        Just(Act::QueuePop),
        number().prop_map(Act::ValueSet),
    ]
}

#[derive(Default)]
struct Model {
    map: BTreeMap<Vec<u8>, u64>,
    list: Vec<u64>,
    queue: VecDeque<u64>,
    value: u64,
}

fn step(shelf: &mut Shelf, model: &mut Model, act: Act) -> Result<(), TestCaseError> {
    match act {
        Act::MapSet(key, value) => {
            shelf.a.set(&key, &value);
            model.map.insert(key, value);
        }
        Act::MapRemove(key) => {
            shelf.a.remove(&key);
            model.map.remove(&key);
        }
        Act::ListPush(value) => {
            prop_assert_eq!(shelf.aa.push(&value), model.list.len() as u64);
            model.list.push(value);
        }
        Act::ListPop => prop_assert_eq!(shelf.aa.pop(), model.list.pop()),
        Act::ListSet(index, value) => {
            let inside = model.list.get_mut(index as usize).map(|item| *item = value).is_some();
            prop_assert_eq!(shelf.aa.set(index, &value), inside);
        }
        Act::ListSwapRemove(index) => {
            let inside = (index as usize) < model.list.len();
            let removed = inside.then(|| model.list.swap_remove(index as usize));
            prop_assert_eq!(shelf.aa.swap_remove(index), removed);
        }
        Act::QueuePush(value) => {
            shelf.aaa.push(&value);
            model.queue.push_back(value);
        }
        Act::QueuePop => {
            prop_assert_eq!(shelf.aaa.front(), model.queue.front().copied());
            prop_assert_eq!(shelf.aaa.pop(), model.queue.pop_front());
        }
        Act::ValueSet(value) => {
            shelf.b.set(&value);
            model.value = value;
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn collections_do_as_their_models(acts in prop::collection::vec(act(), 0..80)) {
        let _host = TestHost::new();
        let (mut shelf, mut model) = (Shelf::default(), Model::default());
        for act in acts {
            step(&mut shelf, &mut model, act)?;
        }
        for (key, value) in &model.map {
            prop_assert_eq!(shelf.a.get(key), *value);
            prop_assert_eq!(shelf.a.find(key), (*value != 0).then_some(*value));
            prop_assert_eq!(shelf.a.contains(key), *value != 0);
        }
        prop_assert_eq!(shelf.aa.iter().collect::<Vec<_>>(), &model.list[..]);
        prop_assert_eq!(shelf.aa.get(model.list.len() as u64), None);
        prop_assert_eq!(shelf.aaa.iter().collect::<VecDeque<_>>(), model.queue);
        prop_assert_eq!(shelf.b.get(), model.value);
    }
}

#[test]
fn keys_begin_with_the_field() {
    let host = TestHost::new();
    let mut shelf = Shelf::default();
    shelf.a.set(&vec![7], &1);
    shelf.b.set(&2);
    let keys: Vec<_> = host.storage(Address::ZERO).into_keys().collect();
    assert_eq!(keys, [b"\x01a\x00\x00\x00\x01\x07".to_vec(), b"\x04aaaa".to_vec()]);
}

#[test]
fn what_is_emptied_leaves_nothing() {
    let host = TestHost::new();
    let mut shelf = Shelf::default();
    shelf.a.set(&vec![], &1);
    shelf.a.set(&vec![], &0);
    shelf.aa.push(&5);
    shelf.aa.pop();
    shelf.b.update(|value| *value += 1);
    shelf.b.remove();
    assert!(host.storage(Address::ZERO).is_empty());
}

#[test]
fn costs_are_as_documented() {
    let host = TestHost::new();
    let mut shelf = Shelf::default();
    let mut cost = |act: &mut dyn FnMut(&mut Shelf)| {
        host.reset_accesses();
        act(&mut shelf);
        let accesses = host.accesses();
        (accesses.reads, accesses.writes)
    };
    assert_eq!(cost(&mut |shelf| shelf.a.set(&vec![1], &1)), (0, 1));
    assert_eq!(cost(&mut |shelf| _ = shelf.a.get(&vec![1])), (1, 0));
    assert_eq!(cost(&mut |shelf| shelf.a.update(&vec![1], |value| *value += 1)), (1, 1));
    assert_eq!(cost(&mut |shelf| _ = shelf.aa.push(&1)), (1, 2));
    assert_eq!(cost(&mut |shelf| _ = shelf.aa.pop()), (2, 2));
    assert_eq!(cost(&mut |shelf| shelf.aaa.push(&1)), (1, 2));
    assert_eq!(cost(&mut |shelf| _ = shelf.aaa.pop()), (2, 2));
}
