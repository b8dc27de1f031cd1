//! The table, in Markdown.

use std::{fmt::Write as _, time::Duration};

use crate::{Dies, books::Books, rig};

/// What the kills of one kind met.
pub struct Row {
    dies: Dies,
    kills: u64,
    /// Kills with crossings under way when both nodes were back.
    met: u64,
    /// Crossings under way then, in all and at most.
    under_way: (usize, usize),
}

impl Row {
    pub fn new(dies: Dies) -> Self {
        Self { dies, kills: 0, met: 0, under_way: (0, 0) }
    }

    /// One more, with what was found afterwards.
    pub fn add(&mut self, books: &Books) {
        let count = books.under_way();
        self.kills += 1;
        self.met += u64::from(count > 0);
        self.under_way = (self.under_way.0 + count, self.under_way.1.max(count));
    }
}

/// Shows a table and keeps it in the target folder.
pub fn write(name: &str, table: &str) {
    println!("{table}");
    rig::write_report(name, table);
}

pub fn table(rows: &[Row], books: &Books, seed: u64, took: Duration) -> String {
    let (there, back) = books.crossings();
    let [locked, unlocked, abroad] = books.amounts();
    let mut text = format!(
        "# kill -9 in the middle of crossings\n\nSeed {seed}, {} s. After each kill what was locked is what was minted and what was under way, to the wei. \
         At the end {there} crossings there and {back} back, each arrived once, none under way: \
         {locked} wei locked, {unlocked} unlocked, {abroad} abroad.\n\n\
         | what dies | kills | with crossings under way | crossings under way in all | most at once |\n|---|---|---|---|---|\n",
        took.as_secs()
    );
    for Row { dies, kills, met, under_way: (all, most) } in rows {
        let what = match dies {
            Dies::Home => "the home of the asset",
            Dies::Abroad => "the chain where it is minted",
            Dies::Both => "both chains",
        };
        let _ = writeln!(text, "| {what} | {kills} | {met} | {all} | {most} |");
    }
    text
}
