//! The business of an open cycle, recorded under version 1: version 2 does the same in everything that both know.

use super::{World, lifecycle::ring, world::*};
use crate::{Clearing, Deferred, Incremental};

/// Everything but positions and sums, which version 2 has before the close.
const SHARED: [&str; 11] = [
    "this",
    "governor",
    "operator",
    "terms",
    "price",
    "clock",
    "members",
    "member_of",
    "address_of",
    "margins",
    "records",
];

#[test]
fn version_2_does_the_recorded_business_as_version_1_did() {
    let world = World::new::<Deferred>();
    world.host.record();
    world.register(9);
    world.price(8_000);
    (1..=9).for_each(|number| world.margin(number, USD, 5_000));
    world.submit(&ring(9, 400)).unwrap();
    world.submit(&[owes(1, 1, 60, 9_999)]).unwrap_err();
    world.price(7_000);
    world.block();
    world.submit(&[owes(3, 4, 60, 5_001), owes(4, 5, 70, 5_002)]).unwrap();
    world.submit(&[owes(3, 9, 1, 5_001)]).unwrap_err();
    let recording = world.host.recorded();
    assert!(recording.len() > 40, "{}", recording.len());
    let compare = recording.compare::<Clearing<Deferred>, Clearing<Incremental>>(&world.host, ENGINE, &SHARED);
    assert_eq!(compare.unwrap(), []);
}
