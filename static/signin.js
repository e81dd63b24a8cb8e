// What the sign-in pages do more smoothly than a browser without script would: everything here works without it too.
// ES5 and XMLHttpRequest on purpose, so that every browser that people bring can run it.
(function () {
  "use strict";

  var POLL = 1000;
  var POLL_HIDDEN = 5000;
  var QR_LIFE = 4000;

  // A form is sent once: the second click of an impatient finger does nothing.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
    } else {
      form.setAttribute("aria-busy", "true");
      // unless nothing came of it: a connection that failed, a load that was stopped
      setTimeout(function () {
        form.removeAttribute("aria-busy");
      }, 10000);
    }
  });

  // Back to a page that the browser has kept: its forms can be sent again.
  window.addEventListener("pageshow", function () {
    for (var i = 0; i < document.forms.length; i += 1) {
      document.forms[i].removeAttribute("aria-busy");
    }
  });

  // Sends the form that only goes on: an approved sign-in, or a response to the client.
  function goOn() {
    var form = document.querySelector("form[data-goes-on]");
    if (!form) {
      return;
    }
    var button = form.querySelector("button");
    form.setAttribute("aria-busy", "true");
    if (button.name) {
      // submit() sends no button, and the server asks for this one's name
      var field = document.createElement("input");
      field.type = "hidden";
      field.name = button.name;
      field.value = button.value;
      form.appendChild(field);
    }
    HTMLFormElement.prototype.submit.call(form);
  }

  function get(url, then) {
    var request = new XMLHttpRequest();
    request.open("GET", url);
    request.timeout = 10000;
    request.onload = function () {
      then(request.status === 200 ? request.responseText : null, request);
    };
    request.onerror = request.ontimeout = function () {
      then(null, request);
    };
    request.send();
  }

  function path(url) {
    return url.split("?")[0];
  }

  // Puts the server's page as it is now in the place of this one; the reader begins at its heading.
  function renew() {
    get(window.location.href, function (html, request) {
      var fresh = html && new DOMParser().parseFromString(html, "text/html");
      var main = fresh && fresh.querySelector("main");
      if (!main || (request.responseURL && path(request.responseURL) !== path(window.location.href))) {
        window.location.reload();
        return;
      }
      document.title = fresh.title;
      var old = document.querySelector("main");
      old.parentNode.replaceChild(document.importNode(main, true), old);
      document.getElementById("heading").focus();
      goOn();
      wait();
    });
  }

  function wait() {
    var waiting = document.getElementById("waiting");
    if (!waiting) {
      return;
    }
    var statusUrl = waiting.getAttribute("data-status-url");
    var clock = document.getElementById("time-left");
    var status = document.getElementById("status");
    var end = Date.now() + 1000 * Number(waiting.getAttribute("data-seconds-left"));
    var announced = Infinity;
    var busy = false;
    var done = false;
    var timer;
    var step = waiting.getAttribute("data-step");
    var qrAt = Date.now();

    function secondsLeft() {
      return Math.max(0, Math.ceil((end - Date.now()) / 1000));
    }

    // The clock stands in no live region: it is said aloud twice only.
    function showTime() {
      var left = secondsLeft();
      clock.textContent = Math.floor(left / 60) + ":" + ("0" + (left % 60)).slice(-2);
      if (left <= 20 && announced > 20) {
        announced = 20;
        status.textContent = waiting.getAttribute("data-last");
      } else if (left <= 60 && left > 20 && announced > 60) {
        announced = 60;
        status.textContent = waiting.getAttribute("data-soon");
      }
    }

    // A QR code that is too old is no use to its reader, only to somebody who relays it.
    function showQr(code) {
      var qr = document.getElementById("qr");
      if (!qr) {
        return;
      }
      if (code) {
        qrAt = Date.now();
        qr.setAttribute("viewBox", "0 0 " + code.size + " " + code.size);
        qr.querySelector("path").setAttribute("d", code.path);
      }
      var isStale = Date.now() - qrAt > QR_LIFE;
      qr.parentNode.hidden = isStale;
      document.getElementById("qr-stale").hidden = !isStale;
    }

    function poll() {
      clearTimeout(timer);
      if (busy || done) {
        return;
      }
      busy = true;
      get(statusUrl, function (json, request) {
        busy = false;
        var answer = null;
        try {
          answer = json && JSON.parse(json);
        } catch (ignored) {
          // no JSON is no answer: the next poll asks again
        }
        // A refusal is told by the page itself; only "too many requests" passes by waiting.
        var refused = request.status >= 400 && request.status < 500 && request.status !== 429;
        // another step is another page, such as a code that is there now
        if (refused || (answer && (answer.state !== "pending" || answer.step !== step))) {
          done = true;
          clearInterval(ticks);
          document.removeEventListener("visibilitychange", resume);
          renew();
          return;
        }
        if (answer) {
          end = Date.now() + 1000 * answer.seconds_left;
          showQr(answer.qr);
        }
        timer = setTimeout(poll, document.hidden ? POLL_HIDDEN : POLL);
      });
    }

    // A phone stops its tabs while the person confirms: ask at once when the page is seen again.
    function resume() {
      if (!document.hidden) {
        showTime();
        poll();
      }
    }

    // Someone who opens a page with half a minute left needs no word about the minute.
    if (secondsLeft() <= 60) {
      announced = 60;
    }
    var ticks = setInterval(function () {
      showTime();
      showQr(null);
    }, 1000);
    document.addEventListener("visibilitychange", resume);
    showTime();
    timer = setTimeout(poll, POLL);
  }

  goOn();
  wait();
}());
