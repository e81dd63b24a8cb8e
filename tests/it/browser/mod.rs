//! People with a real browser: Chromium, driven over WebDriver, at the example application, at our pages and at the simulated
//! phone. Every browser must end with an empty console.

mod accessibility;
mod accounts;
mod app;
mod card;
mod chromium;
mod consent;
mod driver;
mod scene;
mod sign_in;
mod tabs;
mod tls;
mod trouble;
mod upstream;
mod waiting;
mod way_back;
