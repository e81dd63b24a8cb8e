//! The floors of ARCHITECTURE.md hold: its table is read, and every path of ours in `src/`.

use std::collections::BTreeSet;

use super::source::{Source, read};

#[test]
fn no_room_imports_from_above_or_from_its_right() {
    let plan = Plan::read();
    let mut faults = BTreeSet::new();
    let mut edges = 0;
    for file in Source::all("src") {
        let Some(from) = plan.room_of(&file.module) else {
            if !file.only_names_modules() {
                faults.insert(format!("{}: stands in no room of ARCHITECTURE.md", file.path));
            }
            continue;
        };
        let paths = file.crate_paths();
        for path in &paths {
            // A folder above the rooms (`crate::http`) is no edge: it only names what is below it.
            let Some(to) = plan.room_of(path) else { continue };
            edges += 1;
            if !plan.allows(from, to) {
                faults.insert(format!("{}: {} may not see {}", file.path, plan.rooms[from].name, path.join("::")));
            }
        }
        for name in &plan.rooms[from].never {
            // a test may play the outside system with whatever serves
            if file.path.contains("test") {
                continue;
            }
            if paths.iter().any(|path| path.first() == Some(name)) || file.names_crate(name) {
                faults.insert(format!("{}: {} never uses {name}", file.path, plan.rooms[from].name));
            }
        }
    }
    assert!(edges > 50, "the test sees the imports");
    assert_eq!(faults, BTreeSet::new(), "ARCHITECTURE.md, floors");
}

#[test]
fn the_plan_allows_what_it_says_and_no_more() {
    let plan = Plan::read();
    let room = |name: &str| plan.rooms.iter().position(|room| room.name == name).expect(name);
    let allows = |from: &str, to: &str| plan.allows(room(from), room(to));
    assert!(allows("model", "base") && allows("http/signin", "flows") && allows("cli", "demo") && allows("keys", "store"));
    assert!(
        !allows("base", "config") && !allows("base", "model") && !allows("flows", "http/page") && !allows("model", "store")
    );
    assert!(!allows("store", "outbound") && !allows("outbound", "store"), "rooms with a bar between them");
    assert!(!allows("http/oidc", "http/signin") && !allows("http/signin", "http/oidc"), "doors hand over by URL");
    assert!(plan.rooms.iter().all(|from| from.name == "cli" || from.name == "demo" || !allows(&from.name, "demo")));
}

/// The table of floors in ARCHITECTURE.md.
struct Plan {
    rooms: Vec<Room>,
}

struct Room {
    name: String,
    module: Vec<String>,
    floor: usize,
    /// The place on the floor; rooms with a bar between them have the same.
    place: usize,
    never: Vec<String>,
}

impl Plan {
    fn read() -> Self {
        let text = read("ARCHITECTURE.md");
        let rows =
            text.lines().skip_while(|line| !line.starts_with("| Floor ")).skip(2).take_while(|line| line.starts_with('|'));
        let mut rooms = Vec::new();
        for (floor, row) in rows.enumerate() {
            let row = row.replace("\\|", "¦");
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let [_, title, names, never, _] = cells[..] else { panic!("not a row of floors: {row}") };
            assert!(title.starts_with(&format!("{floor} ")), "floors are in order: {title}");
            for (place, group) in names.split(',').enumerate() {
                for name in quoted(group) {
                    let forbidden = match never.split_once(':') {
                        Some((room, names)) if room == name => quoted(names),
                        Some(_) => vec![],
                        None => quoted(never),
                    };
                    let module = name.split('/').map(str::to_owned).collect();
                    rooms.push(Room { name, module, floor, place, never: forbidden });
                }
            }
        }
        assert!(rooms.len() > 20, "the table is read");
        Self { rooms }
    }

    /// The room that holds a module: the one with the longest name that leads to it.
    fn room_of(&self, module: &[String]) -> Option<usize> {
        let holds = |room: &&Room| module.starts_with(&room.module);
        let found = self.rooms.iter().filter(holds).max_by_key(|room| room.module.len())?;
        self.rooms.iter().position(|room| room.name == found.name)
    }

    fn allows(&self, from: usize, to: usize) -> bool {
        let (a, b) = (&self.rooms[from], &self.rooms[to]);
        from == to || b.floor < a.floor || (b.floor == a.floor && b.place < a.place)
    }
}

fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
