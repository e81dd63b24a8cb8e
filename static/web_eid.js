// Asks the Web eID extension for a token and sends it (eid.md §4.2). The extension listens to messages of this window and answers
// with messages; ES5 on purpose, like the other script.
(function () {
  "use strict";

  // of the protocol, as the makers' own library of this version speaks it
  var LIBRARY = "2.0.2";
  var ACTION = "web-eid:authenticate";
  // milliseconds: the extension acknowledges at once; the person has two minutes, and the program behind it some seconds more
  var ACKNOWLEDGED = 1000;
  var ANSWERED = 120000;
  var STARTED = 6000;

  var box = document.getElementById("web-eid");
  if (!box) {
    return;
  }
  var button = document.getElementById("read-card");
  var problem = document.getElementById("card-problem");
  var timers = [];
  var asking = false;

  // The codes of the protocol by the sentence that people read.
  var SENTENCES = {
    ERR_WEBEID_EXTENSION_UNAVAILABLE: "install",
    ERR_WEBEID_NATIVE_UNAVAILABLE: "install",
    ERR_WEBEID_VERSION_MISMATCH: "update",
    ERR_WEBEID_VERSION_INVALID: "update",
    ERR_WEBEID_USER_CANCELLED: "cancelled",
    ERR_WEBEID_USER_TIMEOUT: "timeout",
    ERR_WEBEID_ACTION_TIMEOUT: "timeout",
    ERR_WEBEID_CONTEXT_INSECURE: "insecure",
    ERR_WEBEID_ACTION_PENDING: "open"
  };

  function stop() {
    timers.forEach(clearTimeout);
    timers = [];
    asking = false;
    button.removeAttribute("aria-disabled");
  }

  function tell(code) {
    stop();
    var text = document.createElement("p");
    text.textContent = box.getAttribute("data-" + (SENTENCES[code] || "failed"));
    problem.textContent = "";
    problem.appendChild(text);
    problem.className = "problem";
    button.focus();
  }

  function send(answer) {
    stop();
    var token = {};
    ["unverifiedCertificate", "algorithm", "signature", "format", "appVersion"].forEach(function (field) {
      token[field] = answer[field];
    });
    var form = document.querySelector("main form");
    form.elements.web_eid_token.value = JSON.stringify(token);
    form.action = box.getAttribute("data-action");
    form.setAttribute("aria-busy", "true");
    HTMLFormElement.prototype.submit.call(form);
  }

  function ask() {
    if (asking) {
      return;
    }
    if (!window.isSecureContext) {
      tell("ERR_WEBEID_CONTEXT_INSECURE");
      return;
    }
    asking = true;
    button.setAttribute("aria-disabled", "true");
    problem.textContent = "";
    problem.className = "";
    timers = [
      setTimeout(tell, ACKNOWLEDGED, "ERR_WEBEID_EXTENSION_UNAVAILABLE"),
      setTimeout(tell, ANSWERED + STARTED, "ERR_WEBEID_ACTION_TIMEOUT")
    ];
    window.postMessage({
      action: ACTION,
      libraryVersion: LIBRARY,
      challengeNonce: box.getAttribute("data-nonce"),
      options: { lang: document.documentElement.lang, userInteractionTimeout: ANSWERED }
    }, window.location.origin);
  }

  window.addEventListener("message", function (event) {
    var answer = event.data;
    if (!asking || event.source !== window || !answer || typeof answer.action !== "string") {
      return;
    }
    if (answer.action === ACTION + "-ack") {
      clearTimeout(timers[0]);
    } else if (answer.action === ACTION + "-success") {
      send(answer);
    } else if (answer.action === ACTION + "-failure") {
      tell(answer.error && answer.error.code);
    }
  });

  button.hidden = false;
  button.addEventListener("click", ask);
  ask();
}());
