# Val á innskráningarleið
choose-heading = Veldu hvernig þú vilt skrá þig inn
choose-last-used = Notað síðast
choose-account-heading = Hver er að skrá sig inn?
choose-account-text = Þú hefur nú þegar skráð þig inn sem { $name }.
choose-account-current = Halda áfram sem { $name }
choose-account-other = Skrá inn annan notanda

method-sim = Skilríki á SIM-korti
method-sim-hint = Þú staðfestir í símanum með PIN-númeri
method-app = Auðkennisapp
method-app-hint = Þú staðfestir í appinu
method-card = Skilríki á korti
method-card-hint = Krefst kortalesara
method-elsewhere-hint = Þú heldur áfram á síðu þjónustuaðilans

# Símanúmer eða kennitala
start-heading = Innskráning
start-phone-number-heading = Sláðu inn símanúmerið þitt
start-phone-number-label = Símanúmer
start-phone-number-hint = 7 tölustafir
start-national-id-heading = Sláðu inn kennitöluna þína
start-national-id-label = Kennitala
start-national-id-hint = 10 tölustafir
start-apps-heading = Eða án kennitölu
start-app-heading = Skráðu þig inn með appinu
start-app-other-device = Sýna QR-kóða
start-app-other-device-hint = Appið er í öðru tæki
start-app-this-device = Opna appið í þessu tæki
start-app-this-device-hint = Þú ferð aftur hingað þegar þú hefur staðfest
start-time-limit =
    { $seconds ->
        [one] Næst færðu beiðni í símann og hefur { $seconds } sekúndu til að staðfesta hana.
       *[other] Næst færðu beiðni í símann og hefur { $seconds } sekúndur til að staðfesta hana.
    }

# Beðið eftir staðfestingu
wait-heading = Staðfestu í símanum
wait-app-heading = Staðfestu í appinu
wait-sent = Beiðni hefur verið send í símann þinn.
wait-app-soon = Beiðnin berst í appið eftir augnablik.
wait-checking = Augnablik …
wait-redirect-heading = Innskráning hjá þjónustuaðila
wait-redirect-text = Þú skráir þig inn á síðu { $host } og kemur síðan aftur hingað.
wait-code = Öryggistala
wait-compare = Berðu saman öryggistöluna hér og í símanum. Sláðu aðeins inn PIN-númerið ef tölurnar eru eins.
wait-choose = Veldu þessa tölu í appinu og sláðu svo inn PIN-númerið. Hafnaðu beiðninni ef talan er ekki þar.
wait-qr-heading = Skannaðu QR-kóðann með appinu
wait-qr-how = Opnaðu appið, veldu skönnun og beindu símanum að kóðanum. Kóðinn endurnýjast sjálfkrafa.
wait-qr-label = QR-kóði fyrir appið
wait-qr-warn = Skannaðu aðeins kóða sem birtist á { $host }.
wait-qr-stale = Samband rofnaði. Nýr kóði birtist um leið og samband næst.
wait-other-app = Nota appið á annan hátt
wait-open-app-heading = Opnaðu appið
wait-open-app = Opna appið
wait-open-app-after = Að staðfestingu lokinni ferðu aftur hingað.
wait-never = Staðfestu aldrei beiðni sem þú áttir ekki upphafið að.
wait-status = Beðið eftir staðfestingu …
wait-time-left = Tími til stefnu:
wait-left =
    { $seconds ->
        [one] Beiðnin rennur út eftir { $seconds } sekúndu.
       *[other] Beiðnin rennur út eftir { $seconds } sekúndur.
    }
wait-verified-heading = Innskráning tókst
wait-verified-service = Þú ferð nú áfram í þjónustuna { $service }.
wait-verified-text = Þú ferð nú áfram í þjónustuna.
wait-failed-heading = Innskráning tókst ekki
wait-elsewhere-heading = Innskráningu er lokið
wait-elsewhere-text = Innskráningu lauk í öðrum glugga. Þú getur lokað þessum eða haldið áfram hér.

# Skilríki á korti
card-heading = Settu kortið í kortalesarann
card-start = Þú þarft kort með rafrænum skilríkjum og kortalesara.
card-read = Lesa kort
card-pin = Veldu auðkenningarskilríkið og sláðu inn PIN-númerið.
card-install = Hugbúnaður fyrir kortalesara fannst ekki. Settu hann upp og endurræstu vafrann.
card-update = Uppfæra þarf hugbúnað fyrir kortalesara.
card-already-open = Gluggi kortahugbúnaðarins er þegar opinn. Haltu áfram þar, eða lokaðu honum og reyndu aftur.
card-failed = Ekki tókst að lesa kortið. Athugaðu hvort það sé í kortalesaranum og reyndu aftur.
card-insecure = Aðeins er hægt að lesa kort yfir örugga tengingu. Láttu okkur vita.
card-no-script = Hugbúnaður fyrir kortalesara þarf JavaScript, sem slökkt er á í vafranum þínum.
card-mtls = Nota skilríkjaglugga vafrans
card-close = Lokaðu öllum gluggum vafrans til að velja önnur skilríki.

# Það sem getur farið úrskeiðis
problem-summary = Ekki tókst að halda áfram
problem-phone-number = Sláðu inn 7 stafa símanúmer.
problem-national-id = Kennitala er 10 tölustafir. Athugaðu hvort hún sé rétt slegin inn.
problem-company-national-id = Þetta er kennitala fyrirtækis. Skráðu þig inn með eigin kennitölu.
problem-cancelled = Hætt var við innskráninguna.
problem-timed-out = Beiðnin rann út á tíma.
problem-unreachable = Ekki náðist samband við símann. Athugaðu hvort kveikt sé á honum og hvort hann sé í sambandi.
problem-not-available = Ekki tókst að hefja innskráningu með þessum upplýsingum. Athugaðu númerið eða veldu aðra leið.
problem-blocked = Skilríkin eru læst eða óvirk. Hafðu samband við útgefanda þeirra.
problem-wrong-code = Röng öryggistala var valin. Byrjaðu aftur.
problem-app-outdated = Uppfærðu appið og reyndu aftur.
problem-rejected = Ekki var hægt að staðfesta skilríkin. Reyndu aftur eða veldu aðra leið.
problem-busy = Önnur innskráning er í gangi fyrir þetta númer. Bíddu í eina mínútu og reyndu aftur.
problem-too-many-attempts =
    { $minutes ->
        [one] Tilraunirnar eru orðnar of margar. Reyndu aftur eftir { $minutes } mínútu.
       *[other] Tilraunirnar eru orðnar of margar. Reyndu aftur eftir { $minutes } mínútur.
    }
problem-unavailable = Þjónustan svarar ekki sem stendur. Reyndu aftur eftir smástund eða veldu aðra leið.
problem-assurance-too-low = Þessi rafrænu skilríki eru ekki nægilega örugg fyrir þjónustuna. Veldu aðra leið.

# Samþykki
consent-heading = { $client } biður um aðgang
consent-organisation = Þjónustuaðili
consent-person = Notandi
consent-redirect-host = Svarið er sent til
consent-scopes = Ef þú samþykkir fær þjónustan þetta
consent-required = Nauðsynlegt
consent-emphasized = Skoðaðu vel
consent-remembered = Valið verður geymt, svo að þú þurfir ekki að svara aftur næst.
consent-once = Samþykkið gildir aðeins í þetta sinn.

scope-openid-name = Hver þú ert
scope-openid-description = Kennitalan þín og auðkenni þitt hjá þjónustunni.
scope-profile-name = Nafnið þitt
scope-profile-description = Fullt nafn þitt.
scope-offline-access-name = Aðgangur þegar þú ert ekki við
scope-offline-access-days =
    { $count ->
        [one] Þjónustan heldur aðganginum í allt að { $count } dag án þess að þú skráir þig inn aftur.
       *[other] Þjónustan heldur aðganginum í allt að { $count } daga án þess að þú skráir þig inn aftur.
    }
scope-offline-access-hours =
    { $count ->
        [one] Þjónustan heldur aðganginum í allt að { $count } klukkustund án þess að þú skráir þig inn aftur.
       *[other] Þjónustan heldur aðganginum í allt að { $count } klukkustundir án þess að þú skráir þig inn aftur.
    }
scope-offline-access-minutes =
    { $count ->
        [one] Þjónustan heldur aðganginum í allt að { $count } mínútu án þess að þú skráir þig inn aftur.
       *[other] Þjónustan heldur aðganginum í allt að { $count } mínútur án þess að þú skráir þig inn aftur.
    }

# Svar til þjónustunnar
form-post-heading = Augnablik …
form-post-text = Verið er að senda svarið til þjónustunnar. Ýttu á hnappinn ef ekkert gerist.

# Útskráning
end-session-heading = Viltu skrá þig út?
end-session-person = Þú hefur skráð þig inn sem { $name }.
end-session-text = Ef þú skráir þig út þarftu að auðkenna þig aftur næst þegar þú skráir þig inn.
end-session-logout = Skrá mig út
end-session-cancel = Nei, halda innskráningunni
logged-out-heading = Þú hefur skráð þig út
logged-out-text = Þú getur lokað þessum glugga. Lokaðu vafranum alveg ef aðrir nota þessa tölvu.
