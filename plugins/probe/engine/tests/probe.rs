//! The probe's ABI file, and its ordinary functions as native code.

use caldera_sdk::{
    prelude::*,
    testing::{TestHost, check_abi},
};
use probe_engine::{IProbe, NextProbe, Probe};

const PROBE: Address = Address::repeat_byte(0xe1);
const ADA: Address = Address::repeat_byte(0xad);

#[test]
fn abi() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/abi.json");
    check_abi::<Probe>(IProbe::abi::contract(), file).unwrap();
}

#[test]
fn migrates_up_and_down_in_as_many_steps_as_told() {
    let host = TestHost::new();
    host.mount::<Probe>(PROBE);
    let put = |key: &'static str, value: &'static str| {
        host.call(ADA, PROBE, &IProbe::setCall { key: key.as_bytes().into(), value: value.as_bytes().into() }).unwrap();
    };
    put("migrate-steps", "3");
    put("migrate-at", "1");
    put("migrate-down", "refuse");
    assert_eq!(host.swap::<Probe, NextProbe>(PROBE).unwrap().len(), 2);
    let before = host.storage(PROBE);
    assert_eq!(host.swap::<NextProbe, Probe>(PROBE), Err("told to refuse".into()));
    assert_eq!(host.storage(PROBE), before);
    put("migrate-down", "");
    assert_eq!(host.swap::<NextProbe, Probe>(PROBE).unwrap().len(), 2);
    host.configure::<Probe>(PROBE, b"wide").unwrap();
    let key = Bytes::from_static(b"config");
    assert_eq!(host.view(ADA, PROBE, &IProbe::getCall { key }).unwrap(), Bytes::from_static(b"wide"));
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
