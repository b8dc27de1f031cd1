//! Watching calls: what an observer is told, and that nobody is told through other handles.

mod support;

use std::sync::{Arc, Mutex};

use caldera_engine::{EngineResult, Export, Observation, Observer, Purpose};
use caldera_types::Fault;
use support::{GAS, Rig, guest::Guest, host::MapHost};

/// What one call was said to be.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    purpose: Purpose,
    instantiated: bool,
    result: EngineResult,
    fuel: bool,
}

#[derive(Default)]
struct Notes(Mutex<Vec<Seen>>);

impl Observer for Notes {
    fn called(&self, call: &Observation<'_>) {
        assert!(call.instantiation.is_none_or(|instantiation| instantiation <= call.total));
        assert!(matches!(call.unit.export, Export::Call { env, .. } if env == support::env()));
        self.0.lock().unwrap().push(Seen {
            purpose: call.purpose,
            instantiated: call.instantiation.is_some(),
            result: call.outcome.result.clone(),
            fuel: call.outcome.fuel_used > 0,
        });
    }
}

#[test]
fn each_call_is_told_once_with_its_purpose_and_its_end() {
    let notes = Arc::new(Notes::default());
    let mut rig = Rig::new(Guest::calling("(call $ok (local.get $in) (local.get $len))"));
    rig.call(&mut MapHost::default(), b"unseen", GAS);
    let silent = rig.engines.clone();
    rig.engines = rig.engines.observed(notes.clone());
    rig.call(&mut MapHost::default(), b"seen", GAS);
    rig.engines = rig.engines.for_purpose(Purpose::Simulation);
    rig.call(&mut MapHost::default(), b"", 1);
    rig.engines = silent;
    rig.call(&mut MapHost::default(), b"unseen", GAS);

    let block = EngineResult::Return(b"seen".to_vec());
    let broke = EngineResult::Fault(Fault::OutOfFuel);
    let want = [
        Seen { purpose: Purpose::Block, instantiated: true, result: block, fuel: true },
        Seen { purpose: Purpose::Simulation, instantiated: false, result: broke, fuel: false },
    ];
    assert_eq!(*notes.0.lock().unwrap(), want);
}
