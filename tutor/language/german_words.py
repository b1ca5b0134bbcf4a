"""The German words the tutor understands. Phrases are separated by bars; the longest one that fits is taken."""

from __future__ import annotations

from typing import Final

from tutor.language.cues import Cue

# A vocabulary is read by the line.
# fmt: off
CUES: Final = {
    Cue.PLOT: "wie sieht | plotte | plotten | plot | plots | zeichne | zeichnen | zeichnest | skizziere | skizzieren"
    " | male | dar | darstellen | darstellung | schaubild | diagramm | grafisch | visualisiere | gezeichnet"
    " | bild von | zeige den graphen | zeig mir den graphen | zeige mir den graphen | zeig den graphen"
    " | den graphen sehen | graphen anzeigen | zeichnung | aussieht | sieht aus | zeige den verlauf"
    " | erstelle den graphen | graph anzeigen | zeige die kurve | zeig mir die kurve | grafik | grafisch dar"
    " | graphisch | graphisch dar",
    Cue.DERIVATIVE: "ableitung | ableitungen | leite | ableiten | abgeleitet | differenziere | differenzieren"
    " | steigung | ableitungsfunktion | differentiation | änderungsrate | derivative | abgeleitete",
    Cue.INTEGRAL: "integral | integrale | integriere | integrieren | stammfunktion | stammfunktionen | aufleitung"
    " | bestimmtes integral | unbestimmtes integral | das bestimmte integral | das unbestimmte integral"
    " | integration | bestimmte integral | unbestimmte integral",
    Cue.AREA: "fläche unter | fläche unter der kurve | flächeninhalt unter | flächeninhalt unter der kurve"
    " | fläche unter dem graphen von | fläche unter der kurve von | fläche unter dem graphen | fläche zwischen"
    " | flächeninhalt zwischen | fläche zwischen den kurven | fläche zwischen den graphen von | eingeschlossene fläche"
    " | eingeschlossene fläche von | fläche zwischen den graphen | flächeninhalt zwischen den kurven",
    Cue.CONCAVE: "konkav | konkave | konkaver | rechtsgekrümmt | rechtskrümmung",
    Cue.CONVEX: "konvex | konvexe | konvexer | linksgekrümmt | linkskrümmung",
    Cue.CURVATURE: "konkav oder konvex | konvex oder konkav | krümmung | krümmungsverhalten | konvexität",
    Cue.INFLECTION: "wendepunkt | wendepunkte | wendestelle | wendestellen",
    Cue.INCREASING: "steigt | steigend | monoton steigend | wächst | wachsend | streng monoton steigend | ansteigend",
    Cue.DECREASING: "fällt | fallend | monoton fallend | streng monoton fallend | sinkt | abnehmend | abfallend",
    Cue.MONOTONY: "monotonie | monotonieverhalten | monotonieintervalle | monoton | monotonieverhaltens",
    Cue.SOLVE: "löse | lösen | lös | lösung | lösungen | gelöst | auflösen | löst | lösungsmenge",
    Cue.ROOTS: "nullstelle | nullstellen | nullpunkte | null | schneidet die x-achse | die x-achse schneidet"
    " | nullstellen von | schnittpunkte mit der x-achse | schnittpunkt mit der x-achse | gleich null",
    Cue.EVALUATE: "setze | funktionswert | funktionswerte | wert | werte | werte aus | setze ein | einsetzen"
    " | wertes",
    Cue.MAXIMUM: "maximum | maxima | hochpunkt | hochpunkte | größter wert | größte wert | größten wert | maximiere"
    " | maximal | höchster punkt | höchsten punkt | maximalen wert",
    Cue.MINIMUM: "minimum | minima | tiefpunkt | tiefpunkte | kleinster wert | kleinste wert | kleinsten wert"
    " | minimiere | minimal | tiefster punkt | tiefsten punkt | minimalen wert",
    Cue.EXTREMA: "extrema | extremum | extremwert | extremwerte | extremstellen | extrempunkte | extremstelle"
    " | extrempunkt | scheitelpunkt | scheitel | hoch- und tiefpunkte | hochpunkte und tiefpunkte"
    " | maxima und minima | minima und maxima | maximum und minimum | minimum und maximum | maximum oder minimum",
    Cue.LIMIT: "was passiert mit | grenzwert | grenzwerte | limes | lim",
    Cue.TABLE: "tabelle | wertetabelle | wertetafel | als csv | csv | csv-datei | als csv-datei | tabellarisch"
    " | wertetabelle von",
    Cue.SIMPLIFY: "vereinfache | vereinfachen | vereinfacht | kürze | kürzen | vereinfachung",
    Cue.EXPAND: "multipliziere aus | ausmultiplizieren | multipliziere | expandiere | klammern auflösen"
    " | ausmultipliziert",
    Cue.FACTOR: "faktorisiere | faktorisieren | faktorisierung | klammere aus | zerlege in faktoren"
    " | in faktoren zerlegen",
    Cue.INTERSECTION: "schnittpunkt | schnittpunkte | schneiden sich | schneiden | schneidet | schnittstelle"
    " | schnittstellen",
    Cue.INTERCEPT: "y-achsenabschnitt | schneidet die y-achse | schnittpunkt mit der y-achse",
    Cue.TANGENT: "tangente | tangentengleichung | gleichung der tangente | tangenten",
    Cue.ANALYSIS: "kurvendiskussion | untersuche | analysiere | diskutiere | funktionsuntersuchung",
    Cue.NORMAL: "normale | normalengleichung | gleichung der normalen | normalen",
    Cue.DOMAIN: "definitionsbereich | definitionsmenge | maximaler definitionsbereich | definitionsbereichs",
    Cue.VALUES_TAKEN: "wertebereich | wertemenge | bildmenge",
    Cue.PARITY: "gerade oder ungerade | ungerade oder gerade | gerade funktion | ungerade funktion | ungerade"
    " | symmetrie | symmetrisch | symmetrieverhalten | achsensymmetrisch | punktsymmetrisch"
    " | achsensymmetrisch oder punktsymmetrisch | punktsymmetrisch oder achsensymmetrisch",
    Cue.INVERSE: "umkehrfunktion | umkehrfunktion von | inverse funktion | umkehrbar | inverse | umkehrfunktionen",
    Cue.ASYMPTOTES: "asymptote | asymptoten | senkrechte asymptote | senkrechte asymptoten | waagrechte asymptote"
    " | waagrechte asymptoten | waagerechte asymptote | waagerechte asymptoten | schiefe asymptote",
    Cue.PERIODIC: "periode | periode von | periodisch | periodenlänge",
    Cue.FIND: "wer sind | wer ist | wer hat | wer | vergleiche | vergleich | schreibe | schreib | wandle | berechne | berechnen | bestimme | bestimmen | finde | finden | was ist"
    " | was sind | wie lautet | wie lauten | wie groß ist | gib | gib mir | gib an | ermittle | ermitteln"
    " | wie viel ist | wieviel ist | wie viel sind | wieviel sind | was ergibt | ergibt | rechne | rechne aus | ausrechnen | wo ist | wo sind"
    " | welche | welches | welcher | für welche | für welches | zeige | zeig mir | zeige mir | zeig | zeigen"
    " | anschauen | nenne | suche | was kommt raus bei | wann ist | wo liegt | wo liegen | wo hat | wo | wann"
    " | wie hoch ist | bilde | erstelle | was | an welchen stellen | an welcher stelle | welchen | wie ist"
    " | in welchen punkten | in welchem punkt | an welchen punkten",
    Cue.MEAN: "mittelwert | durchschnitt | mittelwerte | durchschnittlich | durchschnittliche | durchschnittlicher | durchschnittlichen | durchschnittliches | im schnitt | im durchschnitt | schnitt | mittlere | mittlerer | arithmetisches mittel",
    Cue.MEDIAN: "median | zentralwert",
    Cue.DEVIATION: "standardabweichung | streuung",
    Cue.VARIANCE: "varianz",
    Cue.TOTAL: "summe | gesamt | summiere",
    Cue.COUNT: "anzahl | wie viele | wieviele | häufigkeit",
    Cue.CORRELATION: "korrelation | korreliert | korrelationskoeffizient | korrelieren | zusammenhang",
    Cue.DESCRIBE: "statistik | zusammenfassung | überblick | kennzahlen | beschreibe | statistische kennzahlen"
    " | statistiken",
    Cue.HISTOGRAM: "histogramm | verteilung | histogramme",
    Cue.SCATTER: "streudiagramm | punktdiagramm | streuplot | scatterplot | scatter plot | punktwolke"
    " | streuungsdiagramm",
    Cue.BARS: "balkendiagramm | säulendiagramm | balken | balkengrafik",
    Cue.LINES: "liniendiagramm | zeitreihe | linie | linien | zeitverlauf",
    Cue.BOXES: "boxplot | box-plot | kastengrafik",
    Cue.PIE: "kreisdiagramm | tortendiagramm | kuchendiagramm | torte",
    Cue.TREND: "trend | trendlinie | regression | regressionsgerade | ausgleichsgerade | lineare regression"
    " | trendgerade",
    Cue.AGAINST: "versus | vs",
    Cue.BY: "pro | je | gruppiert nach | für jede | für jeden",
    Cue.OVER: "über | über die zeit",
    Cue.COLUMN: "welche spalten | spaltennamen | namen der spalten | spalte | spalten",
    Cue.FILE: "datei | csv-daten | daten | datensatz | anhang | angehängte | angehängten | hochgeladene"
    " | hochgeladenen | tabelle im anhang",
    Cue.ROWS: "zeilen | zeile | datensätze | einträge",
    Cue.MISSING: "fehlende | fehlende werte | fehlen | leere zellen | leere felder | fehlenden | fehlenden werte",
    Cue.PERIOD: "monat | monate | monatlich | pro monat | je monat | nach monat | nach monaten | jahr | jährlich"
    " | pro jahr | je jahr | nach jahr | nach jahren | quartal | pro quartal | je quartal | pro woche | wöchentlich"
    " | pro tag | täglich",
    Cue.BINS: "klassen | balken breit",
    Cue.DISTINCT: "verschiedene | verschiedenen | unterschiedliche | unterschiedlichen | eindeutige",
    Cue.HIGHEST: "teuerste | teuersten | teuerstes | teuerster | rangliste | neueste | neuesten | neuester | neuestes | späteste | sortiere | sortiert | sortieren | absteigend | am meisten | am höchsten | am besten | höchstes | höchster | größtes | größter | bestes | bester | höchste | höchsten | größte | größten | meisten | meiste | top | beste | besten",
    Cue.LOWEST: "günstigste | günstigsten | günstigstes | billigste | billigsten | billigstes | älteste | ältesten | früheste | frühesten | aufsteigend | am wenigsten | am niedrigsten | niedrigstes | niedrigster | kleinstes | kleinster | niedrigste | niedrigsten | kleinste | kleinsten | wenigsten | geringste | geringsten | schlechteste | schlechtesten",
    Cue.SHARE: "wie viel prozent | wieviel prozent | welcher anteil | anteil | anteile | prozent | prozentsatz",
    Cue.AND: "und | sowie | mit | zusammen mit | samt",
    Cue.OR: "oder | oder nicht",
    Cue.FROM: "von | from | im bereich von | im intervall von",
    Cue.TO: "bis | bis zu | to",
    Cue.BETWEEN: "zwischen",
    Cue.FOR: "für | wenn | falls | so dass | sodass | gegeben | gegeben ist | sei | seien | mit dem wert | gilt"
    " | mit dem | gegeben sei | gegeben sind | angenommen | mit den werten | damit | für das gilt | für die gilt",
    Cue.AT: "bei | an der stelle | im punkt | am punkt | an der position | an",
    Cue.ON: "auf | im intervall | auf dem intervall | im bereich | in | im | innerhalb | bereich | intervall"
    " | in den grenzen | auf dem bereich | über dem intervall | in dem intervall",
    Cue.OF: "of | vom",
    Cue.BE: "ist | sind | hat | haben | war | wird | werden | wäre | besitzt | existiert",
    Cue.RESPECT: "nach | nach der variablen | bezüglich | bzgl | wrt | in bezug auf | hinsichtlich"
    " | nach der variable",
    Cue.UNKNOWN: "variable | variablen | unbekannte | unbekannten | parameter | konstante",
    Cue.APPROACHES: "geht gegen | gegen | strebt gegen | gegen den wert | geht | strebt | läuft gegen",
    Cue.THEN: "dann | danach | anschließend | zuerst | ferner | schließlich | zunächst",
    Cue.ALSO: "auch | außerdem | zusätzlich | noch | ebenfalls | zudem | dazu | hinzu | füge | ergänze | auch noch"
    " | und auch | und dazu",
    Cue.FIRST: "erste | ersten | 1te | erster",
    Cue.SECOND: "zweimal | zweite | zweiten | zweite ableitung bilden | zweiter",
    Cue.THIRD: "dritte | dritten | dritter",
    Cue.FOURTH: "vierte | vierten | vierter",
    Cue.LEFT: "von links | linksseitig | linksseitige | linksseitigen | von unten | links",
    Cue.RIGHT: "von rechts | rechtsseitig | rechtsseitige | rechtsseitigen | von oben | rechts",
    Cue.INTERVAL: "intervalle | intervallen | bereichen",
    Cue.STEP: "schritt | schritte | schritten | schrittweite | in schritten von | in schritten | mit schrittweite"
    " | in einer schrittweite von | mit einer schrittweite von | mit der schrittweite | mit der schrittweite von",
    Cue.POINTS: "punkte | punkten | stützstellen",
    Cue.SYSTEM: "gleichungssystem | system | gleichungssysteme | lineares gleichungssystem"
    " | lineare gleichungssystem | das gleichungssystem | beide gleichungen",
    Cue.POSITIVE: "positiv | positive | positiven",
    Cue.NEGATIVE: "negativ | negative | negativen",
    Cue.REAL: "in den reellen zahlen | reellen zahlen | reell | reelle | reellen",
    Cue.COMPLEX: "in den komplexen zahlen | komplexe zahlen | über den komplexen zahlen | komplexen zahlen | komplex"
    " | komplexe | komplexen",
    Cue.GREATEST: "global | globale | globales | globalen | absolute | absoluten",
    Cue.LOCAL: "lokal | lokale | lokales | lokalen | relative | relativen",
    Cue.DIFFERENTIAL: "dx | dt | dy | dz | dv | ds | dr",
    Cue.PLACES: "nachkommastellen | dezimalstellen | stellen | stellen nach dem komma | nachkommastelle",
    Cue.X_AXIS: "x-achse",
    Cue.Y_AXIS: "y-achse",
    Cue.WITHOUT: "ohne | kein | keine | keinen",
    Cue.NOT: "nicht",
    Cue.BOTH: "beide | beiden | alle beide | beides",
    Cue.IT: "sie | es | ihn",
    Cue.PRONOUN: "er | ihre | ihr | seine | sein | seinen | dies | diese | dieser | dieses | diesen"
    " | deren | dessen | davon | dieselbe | das da | ihren | ihrem | ihrer | selben | gleiche | gleichen",
    Cue.FUNCTION: "funktion | funktionen | kurve | kurven | ausdruck | term | polynom | parabel | formel | gerade"
    " | funktionsterm | terme | funktion mit | geraden | polynoms",
    Cue.GRAPH: "graph | graphen | funktionsgraph | funktionsgraphen | graph von | graphen von | graph der"
    " | graphen der | graf | grafen | graph der funktion | graphen der funktion",
    Cue.EQUATION: "gleichung | gleichungen | ungleichung | ungleichungen | aufgabe | aufgaben | bruch",
    Cue.EXPLAIN: "erkläre | erklärung | erklär | erkläre mir | warum | wieso | rechenweg | schritt für schritt"
    " | begründe | begründung | lösungsweg | wie",
    Cue.AGAIN: "was ist mit | wie ist es mit | wie sieht es aus mit | und was ist mit | nun | jetzt | stattdessen"
    " | nochmal | und bei | dasselbe für | das gleiche für | das selbe für | aber | jetzt bitte",
    Cue.FILLER: "am | beim | sieht | seite | seiten | als bruch | als dezimalzahl | als dezimalbruch | in eine dezimalzahl | die"
    " | das | den | dem | ein | eine | einen | einem | einer | eines | bitte | kannst | könntest | du | ich | mir"
    " | mich | wir | uns | möchte | will | brauche | hätte | gern | gerne | mal | doch | also | so | ok | okay | nur"
    " | alle | allen | zu | zum | zur | um | aus | ab | als | der | des | exakt | genau | genaue | numerisch"
    " | analytisch | symbolisch | in python | python | code | programm | hausaufgabe | frage | folgende | folgenden"
    " | hier | da | man | jede | jeden | jeweils | ob | zahl | zahlen | ergebnis | antwort | punkt | abbildung"
    " | koordinatensystem | in einem diagramm | in ein diagramm | in einem plot | in demselben diagramm"
    " | in einem bild | gemeinsam | in dasselbe diagramm | in einem koordinatensystem | in ein koordinatensystem"
    " | legende | gitter | beschriftung | titel | achsen | schön | schnell | sag | sage | sag mir | sage mir"
    " | einfach | richtig | wahr | überhaupt | eigentlich | ungefähr | etwa | gerundet | angabe | mathe | mathematik"
    " | analysis | algebra | schule | lehrer | klausur | prüfung | übung | lineare | quadratische | quadratischen"
    " | linearen | kubische | trigonometrische | erstelle eine | mach | mache | machen | erzeuge | liste | übersicht"
    " | speichere | speichern | datei ausgeben | verlauf | form | in der form | stelle | hallo zusammen | tutor"
    " | bot | besteht | bestehend | sich | dass | denn | ja | kann | können | muss | soll | sollst | prüfe"
    " | überprüfe | teste | entscheide | mit hilfe von | hilfe | helfen | tangens | wie folgt | führe | führen"
    " | durchführen | gesucht | gesucht ist | gesucht sind | gleichzeitig | anzeigen | heißt | lautet | vorgehen"
    " | hilf mir bei | wissen | überall | ganz | ganzen | gesamten | gibt es | gibt | exportieren | herunterladen | wobei | genannt | definiert | durch | markiere"
    " | markieren",
    Cue.HELLO: "hallo | guten tag | guten morgen | guten abend | hi | moin | servus | grüß gott | grüezi"
    " | wie geht es dir | wie gehts",
    Cue.THANKS: "danke | danke dir | dank dir | danke dir vielmals | vielen dank | dankeschön | danke schön | super | toll | prima | merci | danke sehr | klasse"
    " | perfekt",
    Cue.HELP: "hilf mir | was kannst du | wer bist du | wie kannst du helfen | was machst du | was kannst du alles"
    " | was kannst du für mich tun | wie funktionierst du | was kann ich fragen | was kann ich dich fragen",
    Cue.GOODBYE: "tschüss | tschüs | auf wiedersehen | ciao | bis bald | gute nacht",
    Cue.UNABLE: "differentialgleichung | differentialgleichungen | matrix"
    " | matrizen | determinante | eigenwert | eigenwerte | vektor | vektoren | wahrscheinlichkeit | taylor"
    " | taylorreihe | reihe | primzahl | primzahlen | volumen | rotationskörper"
    " | beweise | beweis | abstand | umfang | dreieck | kreis | winkel | zinsen | ggt | kgv | partielle"
    " | bogenlänge | rest | teilbar | stetig | differenzierbar"
    "",
}

OPERATORS: Final = {
    "plus": "+", "minus": "-", "mal": "*", "multipliziert mit": "*", "geteilt durch": "/", "durch": "/",
    "dividiert durch": "/", "hoch": "**", "gleich": "=", "ist gleich": "=", "ist": "=", "größer als": ">",
    "ist größer als": ">", "kleiner als": "<", "ist kleiner als": "<", "mindestens": ">=", "höchstens": "<=",
    "größer gleich": ">=", "kleiner gleich": "<=", "größer oder gleich": ">=", "kleiner oder gleich": "<=",
    "prozent von": "% *", "sei": "=", "ergibt": "=", "über": "/", "ist größer oder gleich": ">=",
    "ist kleiner oder gleich": "<=", "den wert": "=", "größer": ">", "kleiner": "<",
}
POSTFIXES: Final = {
    "quadrat": "** 2", "zum quadrat": "** 2", "hoch drei": "** 3", "hoch zwei": "** 2", "fakultät": "!", "grad": "°",
    "prozent": "%", "im quadrat": "** 2",
}
PREFIXES: Final = {
    "wurzel aus": "sqrt", "wurzel von": "sqrt", "quadratwurzel aus": "sqrt", "die wurzel aus": "sqrt",
    "wurzel": "sqrt", "quadratwurzel von": "sqrt", "kubikwurzel aus": "cbrt", "dritte wurzel aus": "cbrt",
    "sinus von": "sin", "sinus": "sin", "kosinus von": "cos", "cosinus von": "cos", "kosinus": "cos",
    "tangens von": "tan", "logarithmus von": "log", "natürlicher logarithmus von": "ln", "betrag von": "Abs",
    "der betrag von": "Abs", "die quadratwurzel aus": "sqrt", "dritte wurzel von": "cbrt",
    "die dritte wurzel aus": "cbrt",
}
FORMULAS: Final = {
    "sinuskurve": "sin(x)", "sinusfunktion": "sin(x)", "kosinuskurve": "cos(x)", "kosinusfunktion": "cos(x)",
    "cosinusfunktion": "cos(x)", "sinus": "sin(x)", "kosinus": "cos(x)", "normalparabel": "x**2", "cosinus": "cos(x)",
    "exponentialfunktion": "exp(x)", "betragsfunktion": "Abs(x)", "wurzelfunktion": "sqrt(x)",
    "tangensfunktion": "tan(x)", "natürlicher logarithmus": "ln(x)", "cosinuskurve": "cos(x)", "sinuswelle": "sin(x)",
    "natürliche logarithmus": "ln(x)", "glockenkurve": "exp(-x**2/2)/sqrt(2*pi)",
    "normalverteilung": "exp(-x**2/2)/sqrt(2*pi)", "standardnormalverteilung": "exp(-x**2/2)/sqrt(2*pi)",
    "gaußkurve": "exp(-x**2/2)/sqrt(2*pi)", "sigmoidfunktion": "1/(1 + exp(-x))", "einheitskreis": "x**2 + y**2 = 1",
}
NUMBERS: Final = {
    "null": "0", "eins": "1", "zwei": "2", "drei": "3", "vier": "4", "fünf": "5", "sechs": "6", "sieben": "7",
    "acht": "8", "neun": "9", "zehn": "10", "zwölf": "12", "hundert": "100", "einhalb": "1/2",
}
