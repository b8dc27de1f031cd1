//! OrderedMap against BTreeMap, and its costs.

use std::{collections::BTreeMap, fmt::Debug, ops::Bound};

use caldera_sdk::prelude::*;
use caldera_sdk::storage::OrderedKey;
use caldera_sdk::testing::TestHost;
use proptest::prelude::*;

/// Plays sets (a value of zero removes) and removals on both, then compares everything that can be asked.
fn check<K: OrderedKey + Ord + Copy + Debug>(
    acts: Vec<(K, u8)>,
    low: Bound<K>,
    high: Bound<K>,
) -> Result<(), TestCaseError> {
    let host = TestHost::new();
    let mut map = OrderedMap::<K, u8>::new("map");
    let mut model = BTreeMap::new();
    for (key, value) in &acts {
        match value {
            0 => map.remove(key),
            1 => map.set(key, &0),
            value => map.set(key, value),
        }
        if *value < 2 {
            model.remove(key)
        } else {
            model.insert(*key, *value)
        };
        prop_assert_eq!(map.find(key), model.get(key).copied());
        prop_assert_eq!(map.is_empty(), model.is_empty());
    }
    prop_assert_eq!(map.first(), model.iter().next().map(|(k, v)| (*k, *v)));
    prop_assert_eq!(map.last(), model.iter().next_back().map(|(k, v)| (*k, *v)));
    prop_assert!(map.range(..).eq(model.clone()));
    let inside = |key: &K| {
        let above = match low {
            Bound::Included(low) => *key >= low,
            Bound::Excluded(low) => *key > low,
            Bound::Unbounded => true,
        };
        above
            && !matches!(high, Bound::Included(high) if *key > high)
            && !matches!(high, Bound::Excluded(high) if *key >= high)
    };
    let expected: Vec<_> = model.iter().filter(|(key, _)| inside(key)).map(|(k, v)| (*k, *v)).collect();
    prop_assert_eq!(map.range((low, high)).collect::<Vec<_>>(), &expected[..]);
    prop_assert!(map.range((low, high)).rev().eq(expected.iter().rev().copied()));
    // From both ends at once, every entry comes once.
    let mut range = map.range((low, high));
    let mut seen = 0;
    while range.next().is_some() {
        seen += 1 + usize::from(range.next_back().is_some());
    }
    prop_assert_eq!(seen, expected.len());
    for key in model.keys() {
        map.remove(key);
    }
    prop_assert!(host.storage(Address::ZERO).is_empty(), "an emptied map leaves nothing");
    Ok(())
}

fn bound<K: Debug + Clone + 'static>(
    key: impl Strategy<Value = K> + Clone + 'static,
) -> impl Strategy<Value = Bound<K>> {
    prop_oneof![key.clone().prop_map(Bound::Included), key.prop_map(Bound::Excluded), Just(Bound::Unbounded)]
}

/// Words of few different digits share long paths and part at every depth.
fn tangled() -> impl Strategy<Value = [u8; 6]> + Clone {
    prop::array::uniform6(prop::sample::select(vec![0x00u8, 0x01, 0x10, 0x11, 0xf0, 0xff]))
}

proptest! {
    #[test]
    fn bytes(acts in prop::collection::vec((any::<u8>(), 0u8..8), 0..120), low in bound(any::<u8>()), high in bound(any::<u8>())) {
        check(acts, low, high)?;
    }

    #[test]
    fn tangled_words(acts in prop::collection::vec((tangled(), 0u8..6), 0..60), low in bound(tangled()), high in bound(tangled())) {
        check(acts, low, high)?;
    }

    #[test]
    fn pairs(acts in prop::collection::vec(((-3i64..3, 0u8..4), 0u8..6), 0..60), low in bound((-3i64..3, 0u8..4)), high in bound((-3i64..3, 0u8..4))) {
        check(acts, low, high)?;
    }

    /// The shape depends on the keys alone: any order of work leaves the same storage.
    #[test]
    fn history_does_not_show(
        keys in prop::collection::btree_set(tangled(), 1..20), gone in prop::collection::btree_set(tangled(), 0..10),
    ) {
        let host = TestHost::new();
        let mut map = OrderedMap::<_, bool>::new("map");
        keys.iter().for_each(|key| map.set(key, &true));
        let plain = host.storage(Address::ZERO);

        let host = TestHost::new();
        gone.iter().chain(keys.iter().rev()).for_each(|key| map.set(key, &true));
        gone.difference(&keys).for_each(|key| map.remove(key));
        prop_assert_eq!(host.storage(Address::ZERO), plain);
    }
}

#[test]
fn costs_are_as_documented() {
    let host = TestHost::new();
    let mut map = OrderedMap::<u64, u64>::new("map");
    // A multiplicative hash spreads the keys evenly: the typical case.
    let key = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut dearest = (0, 0);
    for i in 1..=4_096 {
        host.reset_accesses();
        map.set(&key(i), &i);
        let cost = host.accesses();
        dearest = (dearest.0.max(cost.reads), dearest.1.max(cost.writes));
    }
    // log16 4096 is 3: a value, the path, a node split.
    assert!(dearest.0 <= 7 && dearest.1 <= 4, "inserting cost {dearest:?}");
    host.reset_accesses();
    assert_eq!(map.range(..).take(100).count(), 100);
    let reads = host.accesses().reads;
    assert!(reads <= 100 * 8, "a scan of 100 cost {reads} reads");
    let longest = host.storage(Address::ZERO).into_values().map(|value| value.len()).max();
    assert!(longest <= Some(31), "a node is over one slot: {longest:?} bytes");
}

#[test]
fn no_keys_make_it_deeper_than_they_are_long() {
    let host = TestHost::new();
    let mut map = OrderedMap::<[u8; 8], bool>::new("map");
    // Each key parts from the first one digit later than the one before: the worst that anybody can insert.
    map.set(&[0; 8], &true);
    for depth in 0..16 {
        let mut key = [0; 8];
        key[depth / 2] = if depth % 2 == 0 { 0x10 } else { 0x01 };
        map.set(&key, &true);
    }
    host.reset_accesses();
    map.set(&[0, 0, 0, 0, 0, 0, 0, 2], &true);
    assert!(host.accesses().reads <= 2 * 8 + 1, "{:?}", host.accesses());
}
