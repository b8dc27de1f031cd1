//! From a stage transaction to a component that is armed: what an operator waits for.

use std::time::{Duration, Instant};

use caldera_bench::Report;
use caldera_testkit::component;
use caldera_types::Component;

use crate::{
    rig::{self, Rig},
    samples,
};

/// Components staged; each is new, so each is compiled.
const COMPONENTS: u32 = 30;

/// Stages and arms one new component after the other.
pub fn run(report: &mut Report, interval: Duration) {
    let mut rig = Rig::new(interval, &rig::engines());
    let (mut staged, mut armed, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..COMPONENTS {
        let component = variant(number);
        let began = Instant::now();
        rig.stage(&component);
        rig.until_staged(&component);
        staged.push(began.elapsed());
        let arming = Instant::now();
        let height = rig.arm(&component);
        rig.block();
        assert_eq!(rig.chain.registry().expect("the registry reads").armed.len(), 1, "it is armed");
        armed.push(began.elapsed());
        alone.push(arming.elapsed());
        while rig.chain.head().number() < height {
            rig.block();
        }
    }
    let name = format!("stage → staged, new component, blocks every {} ms", interval.as_millis());
    report.row(&name, samples(staged.into_iter()));
    report.row("stage → armed", samples(armed.into_iter()));
    report.row("of which arm → armed", samples(alone.into_iter()));
}

/// Version 2 of the probe with a custom section behind it: another digest, the same engine.
fn variant(number: u32) -> Component {
    let mut bytes = component("probe-v2").bytes().to_vec();
    bytes.extend([0, 6, 1, b'n']);
    bytes.extend(number.to_be_bytes());
    Component::new(bytes).expect("it is hardly longer")
}
