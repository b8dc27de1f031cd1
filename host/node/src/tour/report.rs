//! How the tour tells what it does: numbered steps, each with its figures and its time, and a summary at the end.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::output::{self, Align, Output, Table};

/// Tells the steps, and remembers how long each took.
pub struct Telling {
    output: Output,
    total: usize,
    began: Instant,
    done: Vec<(String, Duration, String)>,
}

/// One step that is under way. Its figures are told when it ends.
pub struct Step {
    name: &'static str,
    title: String,
    began: Instant,
    figures: Vec<(&'static str, &'static str, String, Value)>,
    tables: Vec<(String, String)>,
    data: Map<String, Value>,
}

impl Telling {
    /// Tells `total` steps.
    pub fn new(output: Output, total: usize) -> Self {
        Self { output, total, began: Instant::now(), done: Vec::new() }
    }

    /// Announces the next step.
    pub fn begin(&self, name: &'static str, title: &str) -> Step {
        self.output.say(format!("\n{}/{}  {title}", self.done.len() + 1, self.total));
        let (figures, tables, data) = Default::default();
        Step { name, title: title.to_owned(), began: Instant::now(), figures, tables, data }
    }

    /// Tells a step that ended well; `remark` stands beside it in the summary.
    pub fn end(&mut self, step: Step, remark: &str) {
        let took = step.began.elapsed();
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        for (_, label, text, _) in &step.figures {
            table.row([(*label).to_owned(), text.clone()]);
        }
        if !table.is_empty() {
            self.output.say(indent(&table.to_string()));
        }
        for (caption, table) in &step.tables {
            self.output.say(format!("\n      {caption}\n{}", indent(table)));
        }
        self.output.say(format!("      done in {}", output::duration(took)));
        self.output.json(&step.json(self.done.len() + 1, took));
        self.done.push((step.title, took, remark.to_owned()));
    }

    /// Tells the summary.
    pub fn summary(&self) {
        let total = self.began.elapsed();
        let mut table = Table::new([("step", Align::Left), ("time", Align::Right), ("", Align::Left)]);
        for (title, took, remark) in &self.done {
            table.row([title.clone(), output::duration(*took), remark.clone()]);
        }
        table.row(["total".to_owned(), output::duration(total), String::new()]);
        self.output.say(format!("\nThe tour is done: every step held\n{table}"));
        self.output.json(&json!({ "event": "tour", "steps": self.done.len(), "seconds": seconds(total) }));
    }
}

impl Step {
    /// Notes a figure: `key` and `value` for programs, `label` and `text` for people.
    pub fn figure(&mut self, key: &'static str, label: &'static str, text: impl Into<String>, value: impl Into<Value>) {
        self.figures.push((key, label, text.into(), value.into()));
    }

    /// Notes a figure that reads the same for both.
    pub fn fact(&mut self, key: &'static str, label: &'static str, text: impl ToString) {
        let text = text.to_string();
        self.figures.push((key, label, text.clone(), text.into()));
    }

    /// Notes a number.
    pub fn count(&mut self, key: &'static str, label: &'static str, number: u64) {
        self.figures.push((key, label, output::count(number), number.into()));
    }

    /// Notes a table, with its rows for programs.
    pub fn table<const N: usize>(&mut self, key: &str, caption: impl Into<String>, table: &Table<N>, rows: Value) {
        self.tables.push((caption.into(), table.to_string()));
        self.data.insert(key.to_owned(), rows);
    }

    fn json(&self, number: usize, took: Duration) -> Value {
        let figures = self.figures.iter().map(|(key, _, _, value)| ((*key).to_owned(), value.clone()));
        let mut data = self.data.clone();
        data.extend(figures);
        json!({ "event": "step", "step": number, "name": self.name, "seconds": seconds(took), "figures": data })
    }
}

/// Seconds to the millisecond.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
