//! Codecs: what is written reads back, one value has one form, keys sort as their values, and noise is refused.

use std::fmt::Debug;

use caldera_sdk::prelude::*;
use caldera_sdk::storage::{Key, OrderedKey};
use proptest::prelude::*;

stored_struct! {
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Old { who: Address, amount: u128, note: String }
}

stored_struct! {
    #[derive(Clone, Debug, Default, PartialEq)]
    struct New { who: Address, amount: u128, note: String, due: u64, tag: Option<u8> }
}

fn encoded<T: Stored>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

fn check<T: Stored + PartialEq + Debug>(value: T) -> Result<(), TestCaseError> {
    prop_assert_eq!(T::decode(&encoded(&value)), Some(value));
    Ok(())
}

/// Whatever decodes is what would have been written.
fn check_canonical<T: Stored>(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Some(value) = T::decode(bytes) {
        prop_assert_eq!(encoded(&value), bytes);
    }
    Ok(())
}

fn written<K: Key>(key: &K) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.write(&mut bytes);
    bytes
}

fn check_key<K: OrderedKey + Ord + Debug>(a: K, b: K) -> Result<(), TestCaseError> {
    prop_assert_eq!(written(&a).cmp(&written(&b)), a.cmp(&b));
    prop_assert_eq!(written(&a).len(), K::BYTES);
    prop_assert_eq!(K::read(&written(&a)), a);
    Ok(())
}

#[test]
fn zero_is_no_bytes() {
    assert!(encoded(&0u8).is_empty());
    assert!(encoded(&0i128).is_empty());
    assert!(encoded(&U256::ZERO).is_empty());
    assert!(encoded(&false).is_empty());
    assert!(encoded(&Address::ZERO).is_empty());
    assert!(encoded(&None::<u8>).is_empty());
    assert_eq!(encoded(&Some(0u8)), [1]);
    assert_eq!(encoded(&(0u8, 0u8)), [0, 0], "a tuple that is there is never empty");
}

#[test]
fn layout_is_pinned() {
    assert_eq!(encoded(&0x0102u64), [1, 2]);
    assert_eq!(encoded(&-1i64), [1]);
    assert_eq!(encoded(&1i64), [2]);
    assert_eq!(encoded(&true), [1]);
    assert_eq!(encoded(&String::from("ab")), *b"ab");
    assert_eq!(encoded(&(7u8, String::from("ab"), Some(true))), [1, 7, 2, b'a', b'b', 2, 1, 1]);
    let long = encoded(&(vec![9u8; 300], 1u8));
    assert_eq!((&long[..2], &long[302..]), (&[0xac, 0x02][..], &[1, 1][..]));
    assert_eq!(written(&(1u16, Address::repeat_byte(2))), [vec![0, 1], vec![2; 20]].concat());
    assert_eq!(written(&String::from("ab")), [0, 0, 0, 2, b'a', b'b']);
    assert_eq!(written(&-1i32), [0x7f, 0xff, 0xff, 0xff]);
}

#[test]
fn fields_added_later_read_as_zero() {
    let old = Old { who: Address::repeat_byte(1), amount: 5, note: "x".into() };
    let new = New { who: old.who, amount: 5, note: "x".into(), due: 0, tag: None };
    assert_eq!(New::decode(&encoded(&old)), Some(new.clone()));
    assert_eq!(Old::decode(&encoded(&new)), None, "a field that this version does not know is no silent loss");
    assert_eq!(New::decode(&[]), Some(New::default()));
}

proptest! {
    #[test]
    fn values_read_back(a: u64, b: u128, c: i128, d: [u8; 32], e: bool, f in ".{0,200}", g: Vec<u8>, h: [u8; 20]) {
        check(a)?;
        check(b)?;
        check(c)?;
        check(i64::from_be_bytes(a.to_be_bytes()))?;
        check(U256::from_be_bytes(d))?;
        check(B256::from(d))?;
        check(e)?;
        check(f.clone())?;
        check(g.clone())?;
        check(Some(g.clone()))?;
        check(Some(Some(e)))?;
        check((a, Some(f.clone())))?;
        check((f.clone(), g, Address::from(h), (e, c)))?;
        check(New { who: h.into(), amount: b, note: f, due: a, tag: Some(0) })?;
    }

    #[test]
    fn one_value_has_one_form(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40), prop::collection::vec(0u8..3, 0..6),
    ]) {
        check_canonical::<u8>(&bytes)?;
        check_canonical::<u64>(&bytes)?;
        check_canonical::<i64>(&bytes)?;
        check_canonical::<i128>(&bytes)?;
        check_canonical::<U256>(&bytes)?;
        check_canonical::<bool>(&bytes)?;
        check_canonical::<Address>(&bytes)?;
        check_canonical::<String>(&bytes)?;
        check_canonical::<Option<u16>>(&bytes)?;
        check_canonical::<Option<Option<bool>>>(&bytes)?;
    }

    #[test]
    fn noise_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        // Composites may end early (a field added later), so only the fields that are there have one form.
        if let Some(value) = New::decode(&bytes) {
            prop_assert!(encoded(&value).starts_with(&bytes));
        }
        let _ = <(String, (u8, Vec<u8>))>::decode(&bytes);
    }

    #[test]
    fn keys_sort_as_their_values(a: (u8, u64, i64), b: (u8, u64, i64), c: [u8; 32], d: [u8; 32], e: (i32, bool), f: (i32, bool)) {
        check_key(a, b)?;
        check_key((a.2, a.1), (a.2, b.1))?;
        check_key(U256::from_be_bytes(c), U256::from_be_bytes(d))?;
        check_key(B256::from(c), B256::from(d))?;
        check_key(e, f)?;
        check_key(i128::from(a.2) << 40, i128::from(b.2) << 40)?;
    }

    #[test]
    fn keys_of_texts_do_not_collide(a: (String, String), b: (String, String)) {
        prop_assert_eq!(written(&a) == written(&b), a == b);
        prop_assert!(written(&a.0) == written(&b.0) || !written(&a.0).starts_with(&written(&b.0)));
    }
}
