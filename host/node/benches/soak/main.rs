//! A node under mixed load for an hour: does its memory stay, do its answers?
//!
//! Each minute a client process each sends transfers, transfers of tokens and engine calls at an even pace, another waits for
//! receipts, and one asks the four questions of the bench `rpc`. A line a minute says what came of it.
//!
//! Flags: `--minutes N` (60), `--rate N` transactions a second of each kind (100), `--questions N` a second (400),
//! `--interval MS` (250), `--store sled|fjall`.

#[path = "../load/mod.rs"]
mod load;
mod minute;

use std::io;

use caldera_bench::{Report, Samples};
use load::{
    drive::Drive,
    nodes::{Node, Settings},
    reads::Reads,
    work,
};
use minute::{ACCOUNTS, Load, Minute};

fn main() -> io::Result<()> {
    if let Some(order) = text("--drive") {
        return serde_json::from_str::<Drive>(&order)?.run();
    }
    if let Some(order) = text("--reads") {
        return serde_json::from_str::<Reads>(&order)?.run();
    }
    let minutes = number("--minutes").unwrap_or(60);
    let settings = Settings {
        interval_ms: number("--interval").unwrap_or(250),
        store: text("--store").unwrap_or_else(|| "sled".into()),
        durable: true,
    };
    let load = Load { rate: number("--rate").unwrap_or(100), questions: number("--questions").unwrap_or(400) };
    let accounts = work::addresses(4 * ACCOUNTS);
    let node = Node::caldera(&accounts, &settings)?;
    println!("{}", minute::HEADING);
    let mut made = Vec::new();
    for number in 0..minutes {
        let minute = Minute::run(&node, &load, &accounts, number)?;
        println!("{minute}");
        minute.first_error.iter().for_each(|error| println!("       the first error: {error}"));
        made.push(minute);
    }
    let mut report = Report::new("soak");
    let mut row = |name: &str, of: fn(&Minute) -> f64| {
        for (when, part) in [("first", &made[..made.len().min(10)]), ("last", &made[made.len().saturating_sub(10)..])] {
            let samples = Samples::new(part.iter().map(of).collect()).expect("there is a minute");
            report.row(&format!("{name}, {when} minutes"), samples);
        }
    };
    row("a question, 99th percentile", |minute| minute.question_p99);
    row("send to receipt, 99th percentile", |minute| minute.receipt_p99);
    let errors: u64 = made.iter().map(|minute| minute.errors).sum();
    let memory = |minute: Option<&Minute>| minute.map_or(0, |minute| minute.memory >> 20);
    println!(
        "{errors} errors in {minutes} minutes; memory {} MiB after the tenth, {} MiB at the end",
        memory(made.get(9).or(made.last())),
        memory(made.last())
    );
    report.finish()
}

fn text(flag: &str) -> Option<String> {
    std::env::args().skip_while(|arg| arg != flag).nth(1)
}

fn number(flag: &str) -> Option<u64> {
    text(flag).and_then(|value| value.parse().ok())
}
