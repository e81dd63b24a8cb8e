//! What came of the rounds: JSON for programs, Markdown for people (a terminal shows it as well as a page does).

use serde_json::{Value, json};

use super::{
    figures::{Budget, Cpu, Spread, Time},
    operations::Operation,
    process,
    rounds::{Measured, Outcome, Plan},
};

/// How the server started, where the bench has started it.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// from the start of the process to its first answer, in milliseconds
    pub millis: f64,
    /// its memory a second later, in MiB
    pub resident: f64,
}

/// A finished run.
pub struct Report<'a> {
    /// what was to be done
    pub plan: &'a Plan,
    /// what came of it
    pub outcome: &'a Outcome,
    /// how the server started
    pub start: Option<Start>,
    /// the server's executable was built without debug assertions
    pub optimised: bool,
}

impl Report<'_> {
    /// S in milliseconds.
    fn s(&self) -> f64 {
        self.spread(|cost| cost.sign_2048).median
    }

    fn spread(&self, of: fn(&super::limits::CryptographyCost) -> f64) -> Spread {
        Spread::of(self.outcome.cryptography.iter().map(of))
    }

    /// How many operations failed.
    pub fn failures(&self) -> u32 {
        let measured = self.outcome.operations.iter().map(|(_, measured)| measured).chain([&self.outcome.rotation]);
        measured.flat_map(|measured| measured.failures.values()).sum()
    }

    /// Everything, for programs.
    pub fn json(&self) -> Value {
        let Plan { connections, time, rounds, families, .. } = self.plan;
        let limit = |of| {
            let spread = self.spread(of);
            json!({ "cpu_ms": spread.median, "cpu_ms_min": spread.min, "cpu_ms_max": spread.max, "per_second": 1000.0 / spread.median })
        };
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "optimised": self.optimised,
            "machine": { "processor": process::processor(), "processors": processors() },
            "postgres": {
                "version": self.outcome.durability.version,
                "full_durability": self.outcome.durability.full_durability,
                "statements_counted": self.outcome.counts_statements,
            },
            "plan": { "connections": connections, "seconds": time.as_secs_f64(), "rounds": rounds, "families": families },
            "s_ms": self.s(),
            "limits": {
                "sign_2048": limit(|cost| cost.sign_2048),
                "sign_2048_alone": limit(|cost| cost.sign_2048_alone),
                "sign_3072": limit(|cost| cost.sign_3072),
                "issue_token": limit(|cost| cost.issue_token),
                "verify_token": limit(|cost| cost.verify_token),
                "rotation": self.measured(&self.outcome.rotation),
            },
            "start": self.start.map(|start| json!({ "first_answer_ms": start.millis, "rss_mib": start.resident })),
            "rss_mib_at_first": self.outcome.resident_at_first,
            "rss_mib_under_load": self.resident(),
            "operations": self.outcome.operations.iter().map(|(operation, measured)| self.operation(operation, measured)).collect::<Vec<_>>(),
            "failures": self.failures(),
        })
    }

    fn resident(&self) -> Option<f64> {
        self.outcome.operations.iter().filter_map(|(_, measured)| measured.resident()).max_by(f64::total_cmp)
    }

    fn operation(&self, operation: &Operation, measured: &Measured) -> Value {
        let mut value = self.measured(measured);
        value["name"] = operation.name.into();
        let Budget { time, statements } = operation.budget;
        value["budget"] = json!({
            "of_server_alone": matches!(time, Time::OfServer(_)),
            "cost_ms": time.millis(self.s()),
            "cost_s": time.millis(self.s()) / self.s(),
            "statements": statements,
            "kept": self.is_kept(operation, measured),
        });
        value
    }

    fn measured(&self, measured: &Measured) -> Value {
        let in_s = |cpu: Cpu| {
            let s = self.s();
            json!({
                "server": cpu.server / s, "postgres": cpu.postgres / s, "generator": cpu.generator / s,
                "simulator": cpu.simulator / s, "server_and_postgres": cpu.sum() / s,
            })
        };
        json!({
            "count": measured.count(),
            "failures": measured.failures,
            "per_second": measured.throughput(),
            "latency_ms": measured.latency(),
            "statements": measured.statements(),
            "wal_bytes": measured.wal_bytes(),
            "rss_mib": measured.resident(),
            "cpu_ms": measured.cpu(),
            "cpu_s": measured.cpu().map(in_s),
        })
    }

    /// Whether the operation costs no more than it may; none where that is not known.
    fn is_kept(&self, operation: &Operation, measured: &Measured) -> Option<bool> {
        let budget = operation.budget;
        let cost = budget.time.covers(&measured.cpu()?, self.s());
        // what the server does by itself can be taken off only on average
        Some(cost && measured.statements().is_none_or(|statements| statements < f64::from(budget.statements) + 0.1))
    }

    /// Everything, for people.
    pub fn markdown(&self) -> String {
        let sections = [self.machine(), self.costs(), self.rates(), self.limits(), self.failed()];
        sections.into_iter().filter(|section| !section.is_empty()).collect::<Vec<_>>().join("\n\n")
    }

    fn machine(&self) -> String {
        let Plan { connections, time, rounds, families, .. } = self.plan;
        let durability = &self.outcome.durability;
        let mut notes = vec![format!(
            "{} processors ({}), Postgres {}, {connections} connections, {rounds} rounds of {:.0} s each, {families} families.",
            processors(),
            process::processor().unwrap_or_else(|| "unknown".to_owned()),
            durability.version,
            time.as_secs_f64(),
        )];
        notes.push(format!("S = {:.3} ms.", self.s()));
        if let Some(start) = self.start {
            let Start { millis, resident } = start;
            notes.push(format!("First answer {millis:.0} ms after the start, {resident:.0} MiB when idle."));
        }
        if let Some(resident) = self.resident() {
            notes.push(format!("{resident:.0} MiB under load."));
        }
        if !durability.full_durability {
            notes.push("**The database does not sync its commits: these figures are those of no real server.**".to_owned());
        }
        if !self.outcome.counts_statements {
            notes.push("Statements were not counted: this Postgres has no pg_stat_statements.".to_owned());
        }
        if !self.optimised {
            notes.push("**The server was not built with `--release`: these figures say nothing.**".to_owned());
        }
        notes.join(" ")
    }

    fn costs(&self) -> String {
        let rows = self.outcome.operations.iter().map(|(operation, measured)| {
            let cpu = measured.cpu();
            let cell =
                |value: Option<f64>, digits: usize| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"));
            let budget = operation.budget;
            vec![
                operation.name.to_owned(),
                cell(cpu.map(|cpu| cpu.server), 3),
                cell(cpu.map(|cpu| cpu.postgres), 3),
                cell(cpu.map(|cpu| cpu.sum() / self.s()), 2),
                match budget.time {
                    Time::InS { .. } => format!("{:.2} S", budget.time.millis(self.s()) / self.s()),
                    Time::OfServer(millis) => format!("server {millis:.0} ms"),
                },
                cell(measured.statements(), 2),
                budget.statements.to_string(),
                format!("{:.0}", measured.wal_bytes()),
                match self.is_kept(operation, measured) {
                    Some(true) => "yes".to_owned(),
                    Some(false) => "**no**".to_owned(),
                    None => "–".to_owned(),
                },
            ]
        });
        let head =
            ["operation", "server, ms", "Postgres, ms", "both, S", "may cost", "statements", "may be", "WAL, bytes", "kept"];
        table(&head, rows)
    }

    fn rates(&self) -> String {
        let rotation = ("a bare rotation", &self.outcome.rotation);
        let operations = self.outcome.operations.iter().map(|(operation, measured)| (operation.name, measured));
        let rows = operations.chain([rotation]).map(|(name, measured)| {
            let (rate, latency) = (measured.throughput(), measured.latency());
            let generator = measured.cpu().map_or_else(|| "–".to_owned(), |cpu| format!("{:.3}", cpu.generator));
            vec![
                name.to_owned(),
                format!("{:.0}", rate.median),
                format!("{:.0}–{:.0}", rate.min, rate.max),
                format!("{:.2}", latency.p50),
                format!("{:.2}", latency.p99),
                format!("{:.2}", latency.p99_9),
                generator,
            ]
        });
        table(&["operation", "a second", "by round", "p50, ms", "p99, ms", "p99.9, ms", "generator, ms"], rows)
    }

    fn limits(&self) -> String {
        let cost = |name: &str, of: fn(&super::limits::CryptographyCost) -> f64| {
            let millis = self.spread(of).median;
            vec![
                name.to_owned(),
                format!("{millis:.3}"),
                format!("{:.2}", millis / self.s()),
                format!("{:.0}", 1000.0 / millis),
            ]
        };
        let rows = [
            cost("RSA signature, 2048 bits", |cost| cost.sign_2048),
            cost("the same while other processors idle", |cost| cost.sign_2048_alone),
            cost("RSA signature, 3072 bits", |cost| cost.sign_3072),
            cost("access token made and signed, 2048 bits", |cost| cost.issue_token),
            cost("access token verified, 2048 bits", |cost| cost.verify_token),
        ];
        let rotation = self.outcome.rotation.cpu().map(|cpu| {
            let name = "one row changed and committed (Postgres)".to_owned();
            vec![
                name,
                format!("{:.3}", cpu.postgres),
                format!("{:.2}", cpu.postgres / self.s()),
                format!("{:.0}", 1000.0 / cpu.postgres),
            ]
        });
        table(&["limit", "ms", "S", "a second and processor"], rows.into_iter().chain(rotation))
    }

    fn failed(&self) -> String {
        let operations = self.outcome.operations.iter().map(|(operation, measured)| (operation.name, measured));
        let all = operations.chain([("a bare rotation", &self.outcome.rotation)]);
        let lines = all.flat_map(|(name, measured)| {
            measured.failures.iter().map(move |(failure, count)| format!("- {name}: {count} × {failure}"))
        });
        let lines: Vec<String> = lines.collect();
        if lines.is_empty() { String::new() } else { format!("**Failures:**\n\n{}", lines.join("\n")) }
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A table whose columns are aligned, names to the left and figures to the right.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!(" {cell:<width$} "),
            _ => format!(" {cell:>width$} "),
        });
        format!("|{}|", cells.collect::<Vec<_>>().join("|"))
    };
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let rule = widths.iter().enumerate().map(|(column, width)| match column {
        0 => "-".repeat(width + 2),
        _ => format!("{}:", "-".repeat(width + 1)),
    });
    let rule = format!("|{}|", rule.collect::<Vec<_>>().join("|"));
    [line(&head), rule].into_iter().chain(rows.iter().map(|row| line(row))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_one_for_a_page_and_for_a_terminal() {
        let text = table(&["operation", "ms"], [vec!["sign-in".to_owned(), "12.5".to_owned()]]);
        assert_eq!(text, "| operation |   ms |\n|-----------|-----:|\n| sign-in   | 12.5 |");
    }
}
