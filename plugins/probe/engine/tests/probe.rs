//! The probe's ABI file, and its ordinary functions as native code.

use caldera_sdk::{
    prelude::*,
    testing::{TestHost, check_abi},
};
use probe_engine::{IProbe, Probe};

const PROBE: Address = Address::repeat_byte(0xe1);
const ADA: Address = Address::repeat_byte(0xad);

#[test]
fn abi() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/abi.json");
    check_abi::<Probe>(IProbe::abi::contract(), file).unwrap();
}

#[test]
fn stores_and_refuses() {
    let host = TestHost::new();
    host.mount::<Probe>(PROBE);
    let (key, value) = (Bytes::from_static(b"key"), Bytes::from_static(b"value"));
    host.call(ADA, PROBE, &IProbe::setCall { key: key.clone(), value: value.clone() }).unwrap();
    assert_eq!(host.view(ADA, PROBE, &IProbe::getCall { key }).unwrap(), value);
    assert!(host.call(ADA, PROBE, &IProbe::refuseCall { code: U256::from(7) }).is_err());
}
