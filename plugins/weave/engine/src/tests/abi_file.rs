//! The ABI file says what the interface says.

use caldera_sdk::testing::check_abi;
use weave_rules::abi::Weave as abi;

use crate::Weave;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/abi.json");

#[test]
fn abi() {
    check_abi::<Weave>(abi::abi::contract(), FILE).unwrap();
}
