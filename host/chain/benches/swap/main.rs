//! What a swap costs a chain that is at work: a thousand of them back and forth, with two other chains beside.
//!
//! Real chains on disk: block log, sled, trie, producers at their interval. Every transaction that was accepted is looked
//! for in the blocks afterwards, so the bench fails if one is lost or there twice; it fails, too, if swaps leave memory,
//! handles or threads behind.

mod alone;
mod load;
mod memory;
mod proc;
mod rig;
mod shadow;
mod staging;

use std::{process::ExitCode, time::Duration};

use caldera_bench::{ByCargo, Report, Samples};
use clap::Parser;
use load::Load;
use memory::Memory;
use rig::{Kind, Rig};

/// Stretches with swaps (true) and without, so that what grows more slowly with time bears on both alike.
const STRETCHES: [bool; 8] = [true, false, false, true, true, false, false, true];
/// How many of them have swaps.
const SWAPPING: u64 = 4;

/// What a swap costs a chain that is at work.
#[derive(Parser)]
struct Args {
    /// How many there are.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    swaps: u64,
    /// From a block to the next.
    #[arg(long, value_name = "MS", default_value_t = 30)]
    interval: u64,
    /// Only this part.
    #[arg(long, value_parser = ["alone", "load", "staging", "shadow"])]
    only: Option<String>,
    #[command(flatten)]
    _cargo: ByCargo,
}

fn main() -> std::io::Result<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|name| name == caldera_engine::compile::SUBCOMMAND) {
        return Ok(caldera_engine::compile::main(args));
    }
    let Args { swaps, interval, only, _cargo } = Args::parse();
    let interval = Duration::from_millis(interval);
    let runs = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let mut report = Report::new("swap");
    let mut flat = true;
    if runs("alone") {
        flat &= alone::run(&mut report, swaps);
    }
    if runs("load") {
        flat &= under_load(&mut report, swaps, interval);
    }
    if runs("staging") {
        staging::run(&mut report, interval);
    }
    if runs("shadow") {
        shadow::run(&mut report, interval);
    }
    report.finish()?;
    Ok(if flat { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Swaps while three chains take transactions. Whether memory, handles and threads stayed as they were.
fn under_load(report: &mut Report, swaps: u64, interval: Duration) -> bool {
    let engines = rig::engines();
    let mut memory = Memory::begin();
    let mut rig = Rig::new(interval, &engines);
    let others = [Rig::new(interval, &engines), Rig::new(interval, &engines)];
    let producers: Vec<_> = others.iter().map(|other| other.start()).collect();
    let loads: Vec<_> = [&rig, &others[0], &others[1]].map(|rig| Load::start(rig.chain.clone())).into();
    rig.stage_second();
    let each = swaps / SWAPPING;
    // Both versions run once.
    for _ in 0..2 {
        rig.swap();
    }
    let mut counted = 0;
    let mut note = |memory: &mut Memory, rig: &Rig, name: &str, swaps: u64| {
        let disk = rig.disk() + others.iter().map(Rig::disk).sum::<u64>();
        let transactions: u64 = loads.iter().map(Load::sent).sum();
        memory.note(name, swaps, transactions - counted, disk);
        counted = transactions;
    };
    // Long enough that what fills quickly at first is full.
    rig.control(each * rig::SWAP_BLOCKS * 3 / 2);
    note(&mut memory, &rig, "caches fill", 0);
    for swapping in STRETCHES {
        if swapping {
            (0..each).for_each(|_| rig.swap());
            note(&mut memory, &rig, "with swaps", each);
        } else {
            rig.control(each * rig::SWAP_BLOCKS / 2);
            note(&mut memory, &rig, "without", 0);
        }
        eprintln!("block {}", rig.chain.head().number());
    }
    let accepted: Vec<_> = loads.into_iter().map(Load::stop).collect();
    rig.drain();
    others.iter().for_each(Rig::wait_until_empty);
    drop(producers);
    for (rig, accepted) in [&rig, &others[0], &others[1]].into_iter().zip(&accepted) {
        accepted.must_be_there_once(&rig.chain);
    }
    println!("{} swaps on one chain, two other chains at work beside it", each * SWAPPING);
    println!(
        "transactions accepted on the three chains: {}; lost: 0; twice: 0",
        accepted.iter().map(load::Accepted::count).sum::<u64>()
    );
    intervals(report, &rig);
    let folders: Vec<_> = std::iter::once(rig).chain(others).map(Rig::close).collect();
    // The last threads of a store take a moment longer.
    std::thread::sleep(Duration::from_secs(1));
    memory.aside("chains closed");
    let again: Vec<_> = folders.into_iter().map(|folder| Rig::open(folder, interval, &engines)).collect();
    memory.aside("opened again");
    drop(again);
    memory.report()
}

/// What the block of a swap takes, against its neighbours; and what neighbours differ by where there are no swaps.
fn intervals(report: &mut Report, rig: &Rig) {
    let build = |kind| samples(rig.blocks().iter().filter(|made| made.kind == kind).map(|made| made.build));
    report.row_against("block with a swap: made", build(Kind::Swap), "blocks between swaps", build(Kind::Between));
    let of = |kind| samples(rig.near(kind).into_iter().map(|near| near.interval));
    report.row_against("its interval", of(Kind::Swap), "blocks without swaps", of(Kind::Control));
    let apart = |kind| samples(rig.near(kind).into_iter().map(|near| near.interval.abs_diff(near.mean)));
    let name = "its interval, distance from the mean of its neighbours'";
    report.row_against(name, apart(Kind::Swap), "the same without swaps", apart(Kind::Control));
    report.row("noise floor: the same distance without swaps", apart(Kind::Control));
}

fn samples(times: impl Iterator<Item = Duration>) -> Samples {
    Samples::new(times.map(|time| time.as_nanos() as f64).collect()).expect("a run has blocks")
}
