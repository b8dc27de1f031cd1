//! The ABI file says what the interface says.

use caldera_sdk::testing::check_abi;
use clearing_rules::abi::Clearing as abi;

use crate::{Clearing, Deferred, Incremental};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/abi.json");

#[test]
fn abi() {
    check_abi::<Clearing<Deferred>>(abi::abi::contract(), FILE).unwrap();
    check_abi::<Clearing<Incremental>>(abi::abi::contract(), FILE).unwrap();
}
