# Stakar tilkynningar
message-refusal = Villukóði
message-detail = Fyrir forritara þjónustunnar

invalid-request-heading = Ekki er hægt að hefja innskráningu
invalid-request-text = Þjónustan sendi beiðni sem ekki er hægt að vinna úr. Farðu aftur til hennar og reyndu á ný, eða láttu þjónustuaðilann vita.
unknown-client-heading = Þjónustan er ekki skráð
unknown-client-text = Þjónustan sem þú komst frá er ekki skráð hér eða henni hefur verið lokað. Láttu þjónustuaðilann vita.
invalid-redirect-uri-heading = Ekki er hægt að hefja innskráningu
invalid-redirect-uri-text = Slóðin sem þú átt að fara á að lokinni innskráningu er ekki skráð hjá þjónustunni. Láttu þjónustuaðilann vita.
embedded-heading = Opnaðu innskráninguna í sérstökum glugga
embedded-text = Innskráning virkar ekki inni í annarri vefsíðu. Farðu aftur til þjónustunnar og opnaðu innskráninguna í sérstökum glugga.
expired-heading = Innskráningin er útrunnin
expired-text = Of langur tími leið. Þú getur hafið sömu innskráningu á ný.
ended-heading = Þessari innskráningu er lokið
ended-text = Farðu aftur til þjónustunnar til að halda áfram eða byrja á ný.
unreadable-heading = Ekki er hægt að opna þessa síðu
unreadable-text = Slóðin er skemmd eða orðin of gömul. Farðu aftur til þjónustunnar og byrjaðu á ný.
other-browser-heading = Innskráningin hófst í öðrum vafra
other-browser-text = Farðu aftur í vafrann þar sem þú byrjaðir, eða byrjaðu á ný hér.
returned-elsewhere-text = Farðu aftur í vafrann þar sem þú byrjaðir, eða byrjaðu á ný hjá þjónustunni.
cookies-off-heading = Vafrinn leyfir ekki vafrakökur
cookies-off-text = Innskráning þarf vafrakökur til að virka. Leyfðu þær fyrir þennan vef og reyndu aftur.
invalid-form-heading = Síðan er orðin of gömul
invalid-form-text = Ekkert hefur verið sent. Opnaðu síðuna á ný og reyndu aftur.
logout-expired-heading = Beiðnin um útskráningu er útrunnin
logout-expired-text = Farðu aftur til þjónustunnar og skráðu þig út þaðan.
no-certificate-heading = Vafrinn sýndi engin skilríki
no-certificate-text = Settu kortið í kortalesarann og reyndu aftur. Ef þú valdir röng skilríki skaltu fyrst loka öllum gluggum vafrans.
too-many-requests-heading = Of margar tilraunir
too-many-requests-text =
    { $minutes ->
        [one] Bíddu í { $minutes } mínútu og reyndu svo aftur.
       *[other] Bíddu í { $minutes } mínútur og reyndu svo aftur.
    }
not-found-heading = Síðan fannst ekki
not-found-text = Engin síða er á þessari slóð. Athugaðu hvort hún sé rétt slegin inn.
method-not-allowed-heading = Ekki er hægt að opna síðuna svona
method-not-allowed-text = Farðu aftur til þjónustunnar og byrjaðu á ný.
too-large-heading = Beiðnin er of stór
too-large-text = Þjónustan sendi of mikið af gögnum. Láttu þjónustuaðilann vita.
failure-heading = Eitthvað fór úrskeiðis hjá okkur
failure-text = Reyndu aftur eftir smástund. Ef það dugar ekki skaltu hafa samband og gefa upp tilvísunarnúmerið.
unavailable-heading = Innskráning liggur niðri í augnablikinu
unavailable-text = Unnið er að viðgerð. Reyndu aftur eftir smástund.
